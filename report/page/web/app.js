// The page that reads captures itself: files are dropped on it, a worker reads them by tcplife as WebAssembly, and
// the report is shown below. Nothing leaves the machine.

import { count } from './time.js'
import { byId, fill, h, plain } from './dom.js'
import { main } from './main.js'

const empty = [...document.querySelectorAll('#report > *')].map((x) => x.cloneNode(true))
let shown = new AbortController()
let worker = null

// work has a worker read files. mode is html for a report or jsonl for the records; done gets the parts of what it
// wrote.
function work(mode, files, done) {
  stop()
  byId('wrong-files').hidden = true
  byId('working').hidden = false
  const source = byId('worker').textContent
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  worker = new Worker(url)
  URL.revokeObjectURL(url)
  const parts = []
  worker.onmessage = ({ data }) => {
    if (data.part) parts.push(data.part)
    if (data.share !== undefined) {
      byId('share').value = data.share
      byId('share-text').textContent =
        `${Math.floor(100 * data.share)}% of ${count(files.reduce((n, f) => n + f.size, 0))} bytes`
    }
    if (data.end === undefined) return
    stop()
    if (data.end !== 0) complain(data.errors || 'reading failed')
    else done(parts)
  }
  worker.onerror = (e) => {
    stop()
    complain(e.message)
  }
  worker.postMessage({ mode, files, wasm: byId('wasm').textContent })
}

function stop() {
  if (worker) worker.terminate()
  worker = null
  byId('working').hidden = true
}

function complain(text) {
  byId('wrong-files').textContent = plain(text.trim())
  byId('wrong-files').hidden = false
}

function save(parts, name, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }))
  h('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60000)
}

function take(list) {
  const files = [...list].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (files.length === 0) return
  work('html', files, async (parts) => {
    const page = await new Blob(parts).text()
    const of = (id) => page.match(new RegExp(`id="${id}">([^<]*)`))[1]
    shown.abort()
    shown = new AbortController()
    history.replaceState(null, '', location.pathname + location.search)
    byId('report').hidden = false
    fill(
      byId('report'),
      empty.map((x) => x.cloneNode(true)),
    )
    main(of('data'), of('ladders'), shown.signal)
    fill(
      byId('saves'),
      h('button', { type: 'button', onclick: () => save(parts, 'report.html', 'text/html') }, 'save this report'),
      ' ',
      h(
        'button',
        { type: 'button', onclick: () => work('jsonl', files, (p) => save(p, 'tcplife.jsonl', 'application/jsonl')) },
        'save all records as jsonl',
      ),
    )
    byId('matters').scrollIntoView()
  })
}

byId('files').addEventListener('change', (e) => take(e.target.files))
byId('cancel').addEventListener('click', stop)
for (const kind of ['dragover', 'drop']) {
  addEventListener(kind, (e) => {
    e.preventDefault()
    if (kind === 'drop') take(e.dataTransfer.files)
  })
}
document.documentElement.dataset.app = 'yes'
