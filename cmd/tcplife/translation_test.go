package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The Chinese README has the blocks, the chapters, the links and as many rows of tables as the English one.
func TestTranslation(t *testing.T) {
	parts := func(file string) (blocks, links []string, chapters, rows int) {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		blocks = regexp.MustCompile("(?s)```.*?```").FindAllString(string(text), -1)
		for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(link[1], "README") {
				links = append(links, link[1])
			}
		}
		return blocks, links, strings.Count(string(text), "\n## "), strings.Count(string(text), "\n|")
	}
	blocks, links, chapters, rows := parts("README.md")
	zhBlocks, zhLinks, zhChapters, zhRows := parts("README.zh-CN.md")
	if diff := cmp.Diff(blocks, zhBlocks); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(links, zhLinks); diff != "" {
		t.Error(diff)
	}
	if chapters != zhChapters || rows != zhRows {
		t.Errorf("%d chapters and %d rows, in Chinese %d and %d", chapters, rows, zhChapters, zhRows)
	}
}
