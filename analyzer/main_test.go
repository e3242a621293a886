package analyzer_test

import (
	"os"
	"testing"

	"github.com/tcplife/tcplife/internal/testrun"
)

func TestMain(m *testing.M) {
	testrun.Overlap()
	os.Exit(m.Run())
}
