package analyzer

// Targets is how many targets of connections an Analyzer has room for.
func Targets(a *Analyzer) int { return len(a.floods.targets) }
