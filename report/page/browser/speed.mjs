// Measures how fast the page of make web reads captures: node speed.mjs FILE...
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fs from 'node:fs'
import { chromium } from 'playwright-core'

// renderers is what the browser's renderers have taken of processor time, in ms, and the largest one's memory, in MiB.
function renderers() {
  let [ms, mib] = [0, 0]
  for (const pid of fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue
      const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
      ms += 10 * (Number(fields[11]) + Number(fields[12]))
      mib = Math.max(mib, Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024)
    } catch {
      /* it has ended */
    }
  }
  return { ms, mib }
}

const app = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../bin/tcplife.html')
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
const report = () => document.querySelector('#connections') || !document.querySelector('#wrong-files').hidden
for (const file of process.argv.slice(2)) {
  const page = await browser.newPage()
  await page.goto(pathToFileURL(app).href)
  await page.waitForSelector('html[data-app]')
  const mb = fs.statSync(file).size / 1e6
  const said = []
  const measure = async (what, act) => {
    const before = renderers().ms
    const begin = Date.now()
    await act()
    const took = Date.now() - begin
    const busy = renderers().ms - before
    const speed = (ms) => ((mb / ms) * 1000).toFixed(1)
    said.push(`${what} ${speed(took)} MB/s, ${speed(busy)} MB a second of processor time`)
  }
  await measure('report', async () => {
    await page.locator('#files').setInputFiles([file])
    await page.waitForFunction(report, null, { timeout: 600000 })
  })
  await measure('records', () =>
    Promise.all([
      page.waitForEvent('download', { timeout: 600000 }),
      page.getByRole('button', { name: 'save all records as jsonl' }).click(),
    ]),
  )
  said.push(`largest renderer ${renderers().mib.toFixed(0)} MiB`)
  console.log(`${path.basename(file)}, ${mb.toFixed(0)} MB: ${said.join('; ')}`)
  await page.close()
}
await browser.close()
