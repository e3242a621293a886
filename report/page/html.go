package page

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"embed"
	"encoding/ascii85"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/text"
	"github.com/tcplife/tcplife/report/ladder"
)

//go:embed web/*.js web/*.css web/*.html
var web embed.FS

// modules are the scripts, each after those that it imports. start shows a report, and app reads captures first.
var modules = []string{
	"inflate", "unpack", "data", "time", "dom", "filter", "palette", "states", "lanes", "histogram", "lists", "ladder",
	"table", "export", "main",
}

// imports and exports match text that only a module in its own file needs. indents matches text that only its authors
// need.
var (
	imports = regexp.MustCompile(`(?ms)^import .*? from '\./[a-z]+\.js'\n`)
	exports = regexp.MustCompile(`(?m)^export `)
	indents = regexp.MustCompile(`(?m)^ +`)
)

func file(name string) string {
	b, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// script joins modules into one, because a page that is a single file cannot import others.
func script(modules ...string) string {
	var b strings.Builder
	for _, name := range modules {
		alone := exports.ReplaceAllString(imports.ReplaceAllString(file(name+".js"), ""), "")
		b.WriteString(indents.ReplaceAllString(alone, ""))
	}
	return b.String()
}

func style() string { return file("page.css") + ladder.SVGStyle + file("night.css") }

// source returns the hash of a script or a style sheet for the page's policy.
func source(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// inText writes bytes as text: ASCII85, with v for <, so that no element can end in it.
func inText(b []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(b)))
	out = out[:ascii85.Encode(out, b)]
	for i, c := range out {
		if c == '<' {
			out[i] = 'v'
		}
	}
	return string(out)
}

// frameBytes is about the length of a page without data.
func frameBytes() int {
	return len(script(append(slices.Clip(modules), "start")...)) + len(style()) + len(file("body.html")) + 2<<10
}

// write writes the file: the data, and what shows it.
func (p *Page) write(e *report.Ending, head, rows string, ladders []string) error {
	title := "tcplife: " + text.Counted(p.total, "connection")
	if files := e.Capture.Files; len(files) == 1 {
		title += " in " + text.Plain(files[0])
	}
	script := "\n" + script(append(slices.Clip(modules), "start")...)
	var out bytes.Buffer
	writeHead(&out, title, "script-src "+source(script))
	out.WriteString(file("body.html"))
	fmt.Fprintf(&out, "<script type=\"text/plain\" id=\"data\">%s\n%s</script>\n", head, rows)
	fmt.Fprintf(&out, "<script type=\"text/plain\" id=\"ladders\">%s</script>\n", strings.Join(ladders, "\n"))
	fmt.Fprintf(&out, "<script type=\"module\">%s</script>\n</body>\n</html>\n", script)
	_, err := p.w.Write(out.Bytes())
	return err
}

// writeHead writes everything before the body. allowed is what the policy allows besides the style sheet.
func writeHead(out *bytes.Buffer, title, allowed string) {
	style := "\n" + style()
	fmt.Fprintf(out, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; %s; style-src %s; img-src data:;
 base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<link rel="icon" href="data:,">
<style>%s</style>
</head>
`, allowed, source(style), html.EscapeString(title), style)
}

// WriteReader writes a page that reads captures itself: tcplife for WebAssembly (internal/web), and the script of the
// Go distribution that runs it.
func WriteReader(w io.Writer, wasm, wasmExec []byte) error {
	app := "\n" + script(append(slices.Clip(modules), "app")...)
	var out bytes.Buffer
	writeHead(&out, "tcplife in this browser", "script-src "+source(app)+" 'wasm-unsafe-eval'; worker-src blob:")
	before, after, _ := strings.Cut(file("body.html"), "<div id=\"report\">")
	out.WriteString(before + file("drop.html") + "<div id=\"report\" hidden>" + after)
	worker := strings.TrimSpace(string(wasmExec)) + "\n" + script("unpack") + file("worker.js")
	if strings.Contains(worker, "</script") {
		return errors.New("write the page: a script that ends the element it is in")
	}
	fmt.Fprintf(&out, "<script type=\"text/plain\" id=\"worker\">%s</script>\n", worker)
	fmt.Fprintf(&out, "<script type=\"text/plain\" id=\"wasm\">%s</script>\n", packed(wasm, flate.BestCompression))
	fmt.Fprintf(&out, "<script type=\"module\">%s</script>\n</body>\n</html>\n", app)
	_, err := w.Write(out.Bytes())
	return err
}
