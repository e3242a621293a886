package crowd

type scans struct{}

func (s *scans) attempt(now int64, a *Attempt, end End, syn *Probe) {}
