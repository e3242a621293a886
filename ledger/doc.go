// Package ledger adds up records: totals, failures, idle time-outs, TIME_WAIT, and how many endpoints are in each state
// over time or at a moment. Each record is added once, when its connection ends. The memory for the sums is bounded.
// Until a bound is reached, the sums do not depend on the order of the records.
package ledger
