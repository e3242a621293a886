package report

// Exports for tests of package query's values. They cannot be in this package, because query imports it.
var (
	Connections = connections
	Reference   = reference
)
