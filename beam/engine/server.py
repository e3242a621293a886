"""Beam's job server in Python, with several worker processes: python server.py WORKERS PORT.

Beam's own server starts only one worker for a job.
"""

import logging
import sys

from apache_beam.runners.portability import local_job_service_main
from apache_beam.runners.portability.fn_api_runner import fn_runner


def main():
    workers, port = int(sys.argv[1]), sys.argv[2]
    init = fn_runner.FnApiRunner.__init__

    def with_workers(self, *args, **named):
        init(self, *args, **named)
        self._num_workers = workers

    fn_runner.FnApiRunner.__init__ = with_workers
    logging.basicConfig(level=logging.WARNING)
    local_job_service_main.run(["--port", port])


if __name__ == "__main__":
    main()
