// Reads a page as a browser does, and writes what it holds, a JSON record a line: node read.mjs page.html
import fs from 'node:fs'
import { load } from './web/data.js'
import { record } from './web/export.js'

const page = fs.readFileSync(process.argv[2], 'utf8')
const of = (id) => page.match(new RegExp(`id="${id}">([^<]*)</script>`))[1]
const data = load(of('data'), of('ladders'))
for (const r of data.facts.records) console.log(JSON.stringify(r))
for (let i = 0; i < data.rows.length; i++) {
  const svg = data.ladder(data.rows.id[i])
  const life = data.life(i)
  const marks = life ? life.marks.map((m) => `${m.side} ${m.kind}`) : null
  console.log(JSON.stringify({ ...record(data, i), marks, svg }))
}
