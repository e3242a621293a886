// Tests of the page of tcplife read -o html in Chromium: npm ci && TCPLIFE=… npm test, or make test-page.
//
// SHOTS=DIR keeps screenshots there. CHROMIUM names another browser than Debian's.

import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { hostileCapture, hostilePcapng, hostileText } from './hostile.mjs'

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const tcplife = process.env.TCPLIFE || path.join(top, 'bin/tcplife')
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'page'))
const shots = process.env.SHOTS

let browser
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
})
after(async () => {
  await browser.close()
  fs.rmSync(dir, { recursive: true })
})

const pcaps = (...names) => names.map((n) => `testdata/pcaps/${n}.pcap`)
const some = pcaps(
  'svr4-bsd',
  'half-open-data',
  'embryonic',
  'refused',
  'time-wait-reuse',
  'syn-flood',
  'close-simultaneous',
  'half-closed',
  'fin-retransmitted',
  'flash-crowd',
)

const made = new Map()

// html makes a page of captures; those of the same name are made once.
function html(name, files, ...flags) {
  if (!made.has(name)) {
    const out = path.join(dir, name + '.html')
    fs.writeFileSync(
      out,
      run(
        ['read', ...files.map((f) => (cwd(files) === '' ? f : path.basename(f))), '-o', 'html', ...flags],
        cwd(files),
      ),
    )
    made.set(name, out)
  }
  return made.get(name)
}

// cwd is where files are named from, so that the page shows short names.
const cwd = (files) => (path.isAbsolute(files[0]) ? path.dirname(files[0]) : '')

function run(args, from = '') {
  const { status, stdout, stderr } = spawnSync(tcplife, args, { cwd: from || top, maxBuffer: 1 << 30 })
  // 3: the capture is damaged or lacks packets
  assert.ok(status === 0 || status === 3, `tcplife ${args.join(' ')}: ${stderr}`)
  return stdout
}

function jsonl(files) {
  return run(['read', ...files, '-o', 'jsonl'])
    .toString()
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
}

// open opens a page from disk, and holds it to asking for nothing and complaining of nothing.
async function open(file, hash = '', options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    acceptDownloads: true,
    ...options,
  })
  const page = await context.newPage()
  const wrong = []
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') wrong.push(m.text())
  })
  page.on('pageerror', (e) => wrong.push(String(e)))
  page.on('dialog', (d) => {
    wrong.push('dialog: ' + d.message())
    d.dismiss()
  })
  page.on('request', (r) => {
    if (
      !r.url().startsWith('data:') &&
      !r.url().startsWith('blob:') &&
      !(r.isNavigationRequest() && r.url().startsWith('file:'))
    )
      wrong.push('request: ' + r.url())
  })
  await page.goto(pathToFileURL(file).href + hash)
  await page.waitForSelector('html[data-ready]')
  page.done = async () => {
    assert.deepEqual(wrong, [])
    await context.close()
  }
  return page
}

async function shot(page, name, options = {}) {
  if (shots) await page.screenshot({ path: path.join(shots, name + '.png'), ...options })
}

const caption = (page) => page.locator('#connections caption').textContent()
const shown = async (page) => Number((await caption(page)).split(' ')[0].replaceAll(',', ''))

// filled says whether a canvas has anything on it but its axis.
const filled = (page) =>
  page.evaluate(() => {
    const c = document.querySelector('canvas')
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height - 40 * devicePixelRatio).data
    let n = 0
    for (let i = 3; i < d.length; i += 4) if (d[i] === 255) n++
    return n
  })

async function clean(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run())
  assert.deepEqual(
    violations.map((v) => [v.id, v.nodes.map((n) => n.html).slice(0, 3)]),
    [],
  )
}

test('every view is filled, without an error or a request', async () => {
  const page = await open(html('some', some))
  const records = jsonl(some)
  const connections = records.filter((r) => r.record === 'connection')
  assert.equal(await shown(page), connections.length)
  for (const what of [
    '#matters-list li',
    '#lost p',
    '#states-chart svg path',
    '#states-chart .flood',
    '#list-listener tbody tr',
    '#list-syn_flood tbody tr',
    '#list-time_wait tbody tr',
    '#histogram-rtt .bar',
    '#histogram-duration .bar',
    '#chips button',
    '#connections tbody tr',
  ]) {
    assert.ok((await page.locator(what).count()) > 0, what)
  }
  assert.ok((await filled(page)) > 1000, 'the swim-lanes are empty')
  await shot(page, 'page')
  await page.locator('#lanes').scrollIntoViewIfNeeded()
  await page.evaluate(() => document.querySelector('#lanes').scrollIntoView())
  await shot(page, 'lanes')
  await page.evaluate(() => document.querySelector('#all').scrollIntoView())
  await shot(page, 'table')
  await page.done()
})

test('the numbers are those of the JSON', async () => {
  const page = await open(html('some', some), '#sort=id')
  const records = jsonl(some)
  const byID = new Map(records.filter((r) => r.record === 'connection').map((c) => [c.id, c]))
  const seen = new Set()
  for (;;) {
    const rows = await page
      .locator('#connections tbody tr')
      .evaluateAll((list) => list.map((r) => [...r.cells].map((c) => c.textContent)))
    for (const [id, start, client, server, outcome, teardown, states, , , packets, bytes, again, findings] of rows) {
      const n = (text) => Number(text.replaceAll(',', ''))
      const c = byID.get(n(id))
      seen.add(n(id))
      const socket = (e) => (e.ip.includes(':') ? `[${e.ip}]:${e.port}` : `${e.ip}:${e.port}`)
      assert.deepEqual(
        [start, client, server, outcome, teardown, states, n(packets), n(bytes), n(again), findings.trim()],
        [
          c.start.slice(11, 26),
          socket(c.client),
          socket(c.server),
          c.handshake.outcome,
          c.teardown.kind,
          `${c.client.state || '–'} : ${c.server.state || '–'}`,
          c.client.packets + c.server.packets,
          c.client.bytes + c.server.bytes,
          c.client.retransmitted_packets + c.server.retransmitted_packets,
          [...new Set(c.findings.map((f) => f.code + '/' + f.side))].map((f) => f.split('/')[0]).join(' '),
        ],
      )
    }
    const next = page.getByRole('button', { name: 'next page' })
    if (await next.isDisabled()) break
    await next.click()
  }
  assert.equal(seen.size, byID.size)
  const listeners = records.filter((r) => r.record === 'listener')
  const rows = await page
    .locator('#list-listener tbody tr')
    .evaluateAll((list) => list.map((r) => [...r.cells].map((c) => c.textContent)))
  assert.deepEqual(
    rows.map((r) => [r[0], Number(r[1].replaceAll(',', '')), Number(r[9].replaceAll(',', ''))]),
    listeners.map((l) => [`${l.ip}:${l.port}`, l.attempts, l.backlog_needed]),
  )
  const capture = records.find((r) => r.record === 'capture')
  assert.ok((await page.locator('#facts').textContent()).includes(capture.packets.toLocaleString('en-US')))
  await page.done()
})

test('it is complete when it has loaded', async () => {
  const dump = execFileSync(
    process.env.CHROMIUM || '/usr/bin/chromium',
    ['--headless', '--no-sandbox', '--disable-gpu', '--dump-dom', pathToFileURL(html('some', some)).href],
    { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] },
  ).toString()
  assert.match(dump, /<table id="connections">/)
})

test('a line of what matters leads to its connections', async () => {
  const page = await open(html('some', some))
  await page
    .locator('#matters-list li', { hasText: 'half-open' })
    .first()
    .getByRole('button', { name: 'connections' })
    .click()
  assert.match(await page.locator('#query').inputValue(), /^finding:half_open server:198\.51\.100\.80 port:6379$/)
  assert.equal(await shown(page), 1)
  await page.getByRole('button', { name: 'clear' }).click()
  assert.ok((await shown(page)) > 100)
  await page.done()
})

test('brushing a span filters everything below it', async () => {
  const page = await open(html('some', some))
  const all = await shown(page)
  const before = await page.locator('#histogram-duration svg').getAttribute('aria-label')
  const box = await page.locator('#states-chart svg').first().boundingBox()
  await page.mouse.move(box.x + box.width * 0.6, box.y + 80)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.8, box.y + 80, { steps: 4 })
  await page.mouse.up()
  const brushed = await shown(page)
  assert.ok(brushed > 0 && brushed < all, `${brushed} of ${all}`)
  assert.notEqual(await page.locator('#histogram-duration svg').getAttribute('aria-label'), before)
  assert.match(await page.locator('#lanes-chart .status').textContent(), new RegExp(`of ${brushed} connections`))
  assert.match(page.url(), /#t=\d+-\d+$/)
  const [a, b] = page
    .url()
    .match(/t=(\d+)-(\d+)/)
    .slice(1)
    .map(Number)
  const base = Math.min(
    ...jsonl(some)
      .filter((r) => r.record === 'connection')
      .map((c) => Date.parse(c.start)),
  )
  const lasts = (c) =>
    c.ended_by === 'capture_end' && [c.client, c.server].some((e) => e.state !== 'CLOSED' && e.state !== null)
  const held = jsonl(some).filter(
    (r) =>
      r.record === 'connection' &&
      (Date.parse(r.start) - base) * 1e6 <= b &&
      (lasts(r) || (Date.parse(r.start) - base) * 1e6 + r.duration_s * 1e9 >= a),
  )
  // Date has milliseconds
  assert.ok(Math.abs(held.length - brushed) <= 1, `${held.length} by the JSON, ${brushed} in the page`)
  assert.equal(await page.locator('#list-syn_flood tbody tr').count(), 0, 'the flood was over by then')
  assert.match(await page.locator('#list-syn_flood caption').textContent(), /0 of \d+ in the chosen span/)
  await page.getByRole('button', { name: 'whole capture' }).click()
  assert.equal(await shown(page), all)
  assert.ok((await page.locator('#list-syn_flood tbody tr').count()) > 0)
  await page.done()
})

test('a link restores the view', async () => {
  const first = await open(html('some', some))
  await first.locator('#query').fill('outcome:complete port:80')
  await first.locator('#connections').getByRole('button', { name: 'duration' }).click()
  await first.locator('#connections tbody tr').first().getByRole('button').click()
  await first.waitForSelector('#connection svg')
  const second = await open(html('some', some), new URL(first.url()).hash)
  await second.waitForSelector('#connection svg')
  for (const what of ['#connections', '#connection']) {
    assert.equal(await second.locator(what).textContent(), await first.locator(what).textContent())
  }
  assert.equal(await second.locator('#query').inputValue(), 'outcome:complete port:80')
  await first.done()
  await second.done()
})

test('the search finds, and says what is wrong with it', async () => {
  const page = await open(html('some', some))
  const records = jsonl(some).filter((r) => r.record === 'connection')
  const rtt = (c) =>
    c.handshake.server_rtt_s === null || c.handshake.client_rtt_s === null
      ? -1
      : c.handshake.server_rtt_s + c.handshake.client_rtt_s
  for (const [query, holds] of [
    ['port:80', (c) => c.server.port === 80],
    ['-port:80', (c) => c.server.port !== 80],
    ['teardown:reset', (c) => c.teardown.kind === 'reset'],
    ['198.51.100.80', (c) => c.server.ip === '198.51.100.80' || c.client.ip === '198.51.100.80'],
    ['finding:embryonic', (c) => c.findings.some((f) => f.code === 'embryonic')],
    ['retransmitted>0', (c) => c.client.retransmitted_packets + c.server.retransmitted_packets > 0],
    ['rtt>10ms', (c) => rtt(c) > 0.01],
    ['state:TIME_WAIT', (c) => c.client.state === 'TIME_WAIT' || c.server.state === 'TIME_WAIT'],
    ['severity:error', (c) => c.findings.some((f) => f.severity === 'error')],
  ]) {
    await page.locator('#query').fill(query)
    assert.equal(await shown(page), records.filter(holds).length, query)
  }
  for (const [query, says] of [
    ['colour:red', /no colour/],
    ['rtt>fast', /length of time/],
    ['outcome>complete', /no order/],
  ]) {
    await page.locator('#query').fill(query)
    assert.match(await page.locator('#wrong').textContent(), says)
  }
  await page.done()
})

test('the keyboard is enough', async () => {
  const page = await open(html('some', some))
  await page.locator('#query').focus()
  await page.keyboard.type('finding:half_open')
  assert.equal(await shown(page), 1)
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.closest('#connections tbody') !== null)) break
  }
  await page.keyboard.press('Enter')
  await page.waitForSelector('#connection svg')
  assert.match(await page.locator('#connection h3').textContent(), /Connection \d+/)
  await page.locator('#connection .rung').first().focus()
  assert.match(
    await page.evaluate(() => document.activeElement.getAttribute('aria-label')),
    /SYN, client → server.*§3\.10/,
  )
  await page.locator('#query').fill('')
  await page.locator('canvas').focus()
  const before = await page.locator('#lanes-chart .status').textContent()
  await page.keyboard.press('+')
  assert.notEqual(await page.locator('#lanes-chart .status').textContent(), before)
  await page.keyboard.press('Home')
  assert.equal(await page.locator('#lanes-chart .status').textContent(), before)
  await page.keyboard.press('Enter')
  assert.match(page.url(), /c=\d+/)
  await page.locator('#states-chart input').first().focus()
  const all = await shown(page)
  for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight')
  assert.ok((await shown(page)) < all)
  await page.done()
})

test('axe finds nothing, by day and by night', async () => {
  const [half] = jsonl(some).filter((r) => r.record === 'connection' && r.half_open)
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(html('some', some), `#c=${half.id}`, { colorScheme })
    await page.waitForSelector('#connection svg')
    await page.evaluate(() =>
      document.querySelectorAll('details').forEach((d) => {
        d.open = true
      }),
    )
    await clean(page)
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    assert.equal(paper, colorScheme === 'dark' ? 'rgb(20, 23, 26)' : 'rgb(255, 255, 255)')
    if (colorScheme === 'dark') {
      await page.evaluate(() =>
        document.querySelectorAll('details').forEach((d) => {
          d.open = false
        }),
      )
      await page.locator('#ladder').scrollIntoViewIfNeeded()
      await shot(page, 'ladder-dark')
    }
    await page.done()
  }
})

test('a print has no controls, and black ink', async () => {
  const page = await open(html('some', some), '', { colorScheme: 'dark' })
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  for (const what of ['nav', '#search', '#lanes-chart .tools'])
    assert.equal(await page.locator(what).isVisible(), false, what)
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(0, 0, 0)')
  const pdf = await page.pdf()
  assert.ok(pdf.length > 20000)
  await page.done()
})

test('what comes from a capture stays text', async () => {
  const file = path.join(dir, '<img src=x onerror=alert(2)>\u0001\u202e.pcap')
  fs.writeFileSync(file, hostileCapture())
  const page = await open(
    html('hostile', [file], '--where', 'client.port > 0 and not (server.ip contains "</script><b>")'),
    '#c=1',
  )
  await page.waitForSelector('#connection svg')
  assert.equal(await page.locator('img, b, iframe, script:not([type])').count(), 0)
  const text = await page.locator('#connection').textContent()
  assert.ok(text.includes(hostileText), text)
  assert.ok(!/[\u0000-\u0008\u200e\u202e]/.test(await page.locator('body').textContent()))
  assert.ok((await page.locator('#facts').textContent()).includes('<img src=x onerror=alert(2)>\\u0001\\u202e.pcap'))
  await clean(page)
  await page.done()
})

test('what a capture says of itself stays text', async () => {
  const text = '</script><img src=x onerror=alert(3)><b>\u0001\u001b[31m\u202e'
  const file = path.join(dir, 'x<b>.pcapng')
  fs.writeFileSync(file, hostilePcapng(text))
  const page = await open(html('hostile-ng', [file]), '#c=1')
  assert.equal(await page.locator('img, b, iframe, script:not([type])').count(), 0)
  assert.ok(!/[\u0000-\u0008\u001b\u200e\u202e]/.test(await page.locator('body').textContent()))
  assert.match(await page.locator('#lost').textContent(), /x<b>\.pcapng could not be read from there on/)
  assert.match(await caption(page), /^1 of 1 connections$/)
  await clean(page)
  await page.done()
})

test('a capture without a connection has a page', async () => {
  const file = path.join(dir, 'empty.pcap')
  fs.writeFileSync(file, hostileCapture().subarray(0, 24))
  const page = await open(html('empty', [file]))
  assert.match(await caption(page), /^0 of 0 connections$/)
  assert.equal(
    await page
      .locator('#facts')
      .textContent()
      .then((t) => t.includes('packets0')),
    true,
  )
  await clean(page)
  await page.done()
})

test('each pixel of the screen is one of the swim-lanes', async () => {
  for (const deviceScaleFactor of [1, 2]) {
    const page = await open(html('some', some), '', { deviceScaleFactor })
    const [css, real] = await page.evaluate(() => [
      document.querySelector('canvas').clientWidth,
      document.querySelector('canvas').width,
    ])
    assert.ok(Math.abs(real - css * deviceScaleFactor) <= 2 * deviceScaleFactor, `${real} pixels for ${css}`)
    await page.setViewportSize({ width: 700, height: 900 })
    await page.waitForFunction((was) => document.querySelector('canvas').clientWidth < was, css)
    assert.ok(
      await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1),
      'the page is wider than the window',
    )
    await page.done()
  }
})

test('the export holds what is shown', async () => {
  const page = await open(html('some', some), '#q=teardown%3Areset')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'export these as jsonl' }).click(),
  ])
  const lines = fs
    .readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
  assert.equal(lines.length, await shown(page))
  const byID = new Map(jsonl(some).map((r) => [r.id, r]))
  for (const l of lines) {
    assert.equal(l.start, byID.get(l.id).start)
    assert.equal(l.client.states.length, byID.get(l.id).client.states.length)
  }
  await page.done()
})

test(
  '100,000 connections',
  { skip: process.env.LARGE ? false : 'LARGE names no capture of 100,000 connections' },
  async () => {
    const file = html('large', [process.env.LARGE])
    assert.ok(fs.statSync(file).size <= 2e6, `${fs.statSync(file).size} bytes`)
    const page = await open(file)
    assert.equal(await shown(page), 100000)
    assert.ok((await filled(page)) > 1000, 'the swim-lanes are empty')
    const took = await page.evaluate(async () => {
      const query = document.querySelector('#query')
      const begin = performance.now()
      query.value = 'duration>100ms'
      query.dispatchEvent(new Event('input'))
      return performance.now() - begin
    })
    assert.ok(took < 3000, `a filter takes ${took} ms`)
    assert.ok((await shown(page)) < 100000)
    await page.locator('#clear').click()
    await page.evaluate(() => document.querySelector('#lanes').scrollIntoView())
    await shot(page, 'many')
    await page.done()
  },
)
