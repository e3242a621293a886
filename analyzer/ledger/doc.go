// Package ledger adds up records: totals, failures, idle time-outs, TIME_WAIT, and how many endpoints are in each
// state over time or at a moment. Each record is added once, when its connection ends. The sums are bounded in memory
// and, as long as no bound is reached, do not depend on the order of the records.
package ledger
