// Tests of the page that reads captures itself (make web) in Chromium.

import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const tcplife = process.env.TCPLIFE || path.join(top, 'bin/tcplife')
const app = process.env.APP || path.join(top, 'bin/tcplife.html')
const captures = path.join(top, 'testdata/pcaps')
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
})
after(() => browser.close())

async function open() {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const wrong = []
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') wrong.push(m.text())
  })
  page.on('pageerror', (e) => wrong.push(String(e)))
  page.on('request', (r) => {
    if (!/^(data|blob):/.test(r.url()) && !r.isNavigationRequest()) wrong.push('request: ' + r.url())
  })
  await page.goto(pathToFileURL(app).href)
  await page.waitForSelector('html[data-app]')
  page.done = async () => {
    assert.deepEqual(wrong, [])
    await page.close()
  }
  return page
}

// read has the page read files, and waits for the report.
async function read(page, files) {
  await page.evaluate(() => {
    document.querySelector('#connections')?.removeAttribute('id')
  })
  await page.locator('#files').setInputFiles(files)
  await page.waitForFunction(
    () => document.querySelector('#connections') || !document.querySelector('#wrong-files').hidden,
    null,
    { timeout: 300000 },
  )
}

async function records(page) {
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 300000 }),
    page.getByRole('button', { name: 'save all records as jsonl' }).click(),
  ])
  return fs.readFileSync(await download.path(), 'utf8')
}

// cli is what the command writes; it fails for none of these, but says by its exit code that a capture has dropped
// packets.
const cli = (files) =>
  spawnSync(tcplife, ['read', ...files, '-o', 'jsonl'], { cwd: captures, maxBuffer: 1 << 30 }).stdout.toString()

test('it is small', () => assert.ok(fs.statSync(app).size <= 4e6, `${fs.statSync(app).size} bytes`))

test(
  'the records of every capture of testdata are those of the command, byte for byte',
  { timeout: 3600000 },
  async () => {
    const page = await open()
    for (const name of fs.readdirSync(captures).filter((n) => /\.pcap(ng)?$/.test(n))) {
      await read(page, [path.join(captures, name)])
      assert.equal(await page.locator('#wrong-files').textContent(), '', name)
      assert.ok((await records(page)) === cli([name]), `${name}: the records differ`)
    }
    await page.done()
  },
)

test('several files are one capture, and the report is complete', async () => {
  const names = ['half-open-data.pcap', 'refused.pcap', 'syn-flood.pcap']
  const page = await open()
  await read(
    page,
    names.map((n) => path.join(captures, n)),
  )
  assert.ok((await records(page)) === cli(names))
  for (const what of [
    '#matters-list li',
    '#states-chart .flood',
    '#list-listener tbody tr',
    '#histogram-duration .bar',
    '#connections tbody tr',
  ]) {
    assert.ok((await page.locator(what).count()) > 0, what)
  }
  await page.locator('#connections tbody tr').first().getByRole('button').click()
  await page.waitForSelector('#connection svg')
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run())
  assert.deepEqual(
    violations.map((v) => [v.id, v.nodes.map((n) => n.html).slice(0, 3)]),
    [],
  )
  await page.done()
})

test('what is no capture is refused, and the page lives on', async () => {
  const page = await open()
  await read(page, [{ name: 'x.pcap', mimeType: 'application/octet-stream', buffer: Buffer.from('no capture at all') }])
  assert.match(await page.locator('#wrong-files').textContent(), /x\.pcap/)
  await read(page, [path.join(captures, 'refused.pcap')])
  assert.match(await page.locator('#connections caption').textContent(), /^3 of 3/)
  await page.done()
})

test(
  'reading can be cancelled, and the page stays alive',
  { skip: process.env.LARGE ? false : 'LARGE names no large capture' },
  async () => {
    const page = await open()
    await page.locator('#files').setInputFiles([process.env.LARGE])
    await page.waitForFunction(() => document.querySelector('#share').value > 0.02, null, { timeout: 120000 })
    const waited = await page.evaluate(
      () =>
        new Promise((done) => {
          const begin = performance.now()
          setTimeout(() => done(performance.now() - begin), 0)
        }),
    )
    assert.ok(waited < 1000, `the page was busy for ${waited} ms`)
    await page.getByRole('button', { name: 'cancel' }).click()
    assert.equal(await page.locator('#working').isVisible(), false)
    await read(page, [path.join(captures, 'refused.pcap')])
    assert.match(await page.locator('#connections caption').textContent(), /^3 of 3/)
    await page.done()
  },
)
