-- A table for connections, and how files get into it.
CREATE DATABASE IF NOT EXISTS tcplife;

CREATE TABLE IF NOT EXISTS tcplife.connections
(
    `record` LowCardinality(String),
    `schema` Int64,
    `id` Int64,
    `previous_id` Nullable(Int64),
    `community_id` String,
    `encapsulation` Array(Tuple(
        kind LowCardinality(String),
        id Nullable(Int64))),
    `start` DateTime64(9, 'UTC'),
    `start_ns` Int64,
    `end` Nullable(DateTime64(9, 'UTC')),
    `end_ns` Int64,
    `duration_s` Nullable(Float64),
    `ended_by` LowCardinality(String),
    `client` Tuple(
        ip String,
        port Int64,
        isn Nullable(Int64),
        isn_evidence LowCardinality(Nullable(String)),
        syn_acked Nullable(Bool),
        syns Int64,
        fins Int64,
        rsts Int64,
        fin Tuple(
            seq Nullable(Int64),
            packet Nullable(Int64),
            acked Nullable(Bool)),
        packets Int64,
        capture_duplicates Int64,
        bytes Int64,
        ip_bytes Int64,
        retransmitted_packets Int64,
        keepalives Int64,
        zero_window_probes Int64,
        options Tuple(
            mss Nullable(Int64),
            wscale Nullable(Int64),
            sack_permitted Nullable(Bool),
            timestamps Nullable(Bool),
            fast_open Nullable(Bool)),
        marks Tuple(
            ce Int64,
            ece Int64,
            cwr Int64,
            urgent Int64),
        state LowCardinality(Nullable(String)),
        states Array(Tuple(
            state LowCardinality(String),
            at Nullable(DateTime64(9, 'UTC')),
            packet Nullable(Int64),
            evidence LowCardinality(Nullable(String)),
            rule LowCardinality(String))),
        withdrawn Array(Tuple(
            state LowCardinality(String),
            at Nullable(DateTime64(9, 'UTC')),
            packet Nullable(Int64),
            rule LowCardinality(String),
            by_packet Nullable(Int64))),
        withdrawn_left_out Int64),
    `server` Tuple(
        ip String,
        port Int64,
        isn Nullable(Int64),
        isn_evidence LowCardinality(Nullable(String)),
        syn_acked Nullable(Bool),
        syns Int64,
        fins Int64,
        rsts Int64,
        fin Tuple(
            seq Nullable(Int64),
            packet Nullable(Int64),
            acked Nullable(Bool)),
        packets Int64,
        capture_duplicates Int64,
        bytes Int64,
        ip_bytes Int64,
        retransmitted_packets Int64,
        keepalives Int64,
        zero_window_probes Int64,
        options Tuple(
            mss Nullable(Int64),
            wscale Nullable(Int64),
            sack_permitted Nullable(Bool),
            timestamps Nullable(Bool),
            fast_open Nullable(Bool)),
        marks Tuple(
            ce Int64,
            ece Int64,
            cwr Int64,
            urgent Int64),
        state LowCardinality(Nullable(String)),
        states Array(Tuple(
            state LowCardinality(String),
            at Nullable(DateTime64(9, 'UTC')),
            packet Nullable(Int64),
            evidence LowCardinality(Nullable(String)),
            rule LowCardinality(String))),
        withdrawn Array(Tuple(
            state LowCardinality(String),
            at Nullable(DateTime64(9, 'UTC')),
            packet Nullable(Int64),
            rule LowCardinality(String),
            by_packet Nullable(Int64))),
        withdrawn_left_out Int64),
    `role_evidence` LowCardinality(String),
    `handshake` Tuple(
        outcome LowCardinality(String),
        syn_at Nullable(DateTime64(9, 'UTC')),
        syn_packet Nullable(Int64),
        syn_ack_at Nullable(DateTime64(9, 'UTC')),
        syn_ack_packet Nullable(Int64),
        ack_at Nullable(DateTime64(9, 'UTC')),
        ack_packet Nullable(Int64),
        ack_seq Nullable(Int64),
        ack_ack Nullable(Int64),
        ecn LowCardinality(Nullable(String)),
        mptcp Tuple(
            kind LowCardinality(Nullable(String)),
            token Nullable(Int64),
            joins Nullable(Int64)),
        icmp Tuple(
            type Nullable(Int64),
            code Nullable(Int64),
            meaning LowCardinality(Nullable(String)),
            from LowCardinality(Nullable(String)),
            packet Nullable(Int64),
            about LowCardinality(Nullable(String)),
            mtu Nullable(Int64)),
        server_rtt_s Nullable(Float64),
        client_rtt_s Nullable(Float64)),
    `teardown` Tuple(
        kind LowCardinality(String),
        initiator LowCardinality(Nullable(String)),
        at Nullable(DateTime64(9, 'UTC')),
        idle_s Nullable(Float64),
        half_closed_s Nullable(Float64),
        reset Tuple(
            by LowCardinality(Nullable(String)),
            packet Nullable(Int64),
            receiver_state LowCardinality(Nullable(String)),
            answers LowCardinality(Nullable(String)),
            idle_s Nullable(Float64))),
    `exchanges` Nullable(Int64),
    `idle` Tuple(
        gaps Nullable(Int64),
        longest_s Nullable(Float64),
        period_s Nullable(Float64)),
    `pattern` LowCardinality(Nullable(String)),
    `time_wait` Array(Tuple(
        side LowCardinality(Nullable(String)),
        entered Nullable(DateTime64(9, 'UTC')),
        restarts Int64,
        two_msl_s Nullable(Float64),
        expires Nullable(DateTime64(9, 'UTC')),
        ended_by LowCardinality(String),
        reuse_proven Nullable(Bool),
        observed_s Nullable(Float64))),
    `half_open` Tuple(
        survivor LowCardinality(Nullable(String)),
        since Nullable(DateTime64(9, 'UTC')),
        at Nullable(DateTime64(9, 'UTC')),
        discovered_by LowCardinality(Nullable(String))),
    `findings` Array(Tuple(
        code LowCardinality(String),
        severity LowCardinality(String),
        side LowCardinality(Nullable(String)),
        packets Array(Int64),
        detail LowCardinality(String))),
    `zeek` Tuple(
        conn_state LowCardinality(Nullable(String)),
        history LowCardinality(Nullable(String))),
    `tshark` Tuple(
        completeness Nullable(Int64))
)
ENGINE = MergeTree
PARTITION BY toDate(start)
ORDER BY (start, id);

-- Columns of later versions are added by ALTER TABLE … ADD COLUMN; until then they are left out.
INSERT INTO tcplife.connections
SELECT * FROM file('web.parquet', Parquet)
SETTINGS input_format_skip_unknown_fields = 1;
