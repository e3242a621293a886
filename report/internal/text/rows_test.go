package text

import "testing"

// The columns of rows fit a width if their values are as wide as usual.
func TestRowsFit(t *testing.T) {
	columns, err := ColumnsByName(FollowColumns)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{80, 100, 120, 160} {
		r := NewRows(columns, false, width)
		sum := len(Gap) * (len(r.widths) - 1)
		for _, w := range r.widths {
			sum += w
		}
		if sum > width {
			t.Errorf("width %d: the columns take %d", width, sum)
		}
	}
}
