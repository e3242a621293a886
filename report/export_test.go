package report

// What the tests of package query's values need, which cannot be in this package: query imports it.
var (
	Connections = connections
	Reference   = reference
)
