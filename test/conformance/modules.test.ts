// README.md's tables and the modules that the tests run are the same.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

const FOLDER = import.meta.dirname
/** A name that a string begins with: a title, or a row of a table of titles. */
const NAMED = /['`]((?:oidcc|fapi2)-[A-Za-z0-9-]+)(?=[':])/g

async function modulesIn(file: string): Promise<readonly string[]> {
  const text = await readFile(join(FOLDER, file), 'utf8')
  return [...text.matchAll(NAMED)].map(([, name = '']) => name).sort()
}

t.test('each file runs the modules that README.md lists for it, each once, and no others', async (t) => {
  const readme = await readFile(join(FOLDER, 'README.md'), 'utf8')
  const listed = new Map<string, string[]>()
  for (const section of readme.split(/^### /m).slice(1)) {
    const [file = ''] = section.split('\n')
    const rows = section.matchAll(/^\| `([^`]+)` +\| ([^|]+?) +\| ([^|]+?) +\|$/gm)
    const names = [...rows].filter(([, , what, result]) => what !== '' && result !== '').map(([, name = '']) => name)
    listed.set(file.trim(), names.filter((name) => !name.startsWith('clients/')).sort())
  }
  const own = ['modules.test.ts']
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.test.ts') && !own.includes(name))
  t.strictSame([...listed.keys()].sort(), files.sort())
  for (const file of files) {
    const run = await modulesIn(file)
    t.ok(run.length > 0, file)
    t.equal(new Set(run).size, run.length, `${file}: no module twice`)
    t.strictSame(run, listed.get(file), file)
  }
})
