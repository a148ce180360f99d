// A small tree in the shape of ours, for tools to run on with our real configuration.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const toolPath = (name: string) => join(root, 'node_modules/.bin', name)

const CONFIGURATION = ['biome.json', 'knip.json', 'tsconfig.json']
const GRIT = ['infra/lint/no-ambient.grit', 'infra/lint/no-unsafe-sql.grit']

export class PlantedTree {
  readonly path: string

  constructor(t: Test) {
    this.path = t.testdir()
    for (const name of [...CONFIGURATION, ...GRIT]) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true })
      copyFileSync(join(root, name), join(this.path, name))
    }
    this.write('package.json', '{ "name": "planted", "type": "module", "private": true }\n')
  }

  write(file: string, text: string): void {
    const path = join(this.path, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  /** A package from a registry, with nothing in it. */
  install(name: string): void {
    this.write(`node_modules/${name}/package.json`, `{ "name": "${name}", "version": "1.0.0", "main": "index.js" }`)
    this.write(`node_modules/${name}/index.js`, '')
  }

  /** Makes `from` import `to`: a path of the tree (made if need be), a package or a built-in module. */
  plantImport(from: string, to: string): void {
    const inTree = /^(packages|services|test|infra|prisma)\//.test(to)
    if (inTree && !existsSync(join(this.path, to))) this.write(to, 'export {}\n')
    const path = relative(dirname(from), to)
    const specifier = inTree ? (path.startsWith('.') ? path : `./${path}`) : to
    this.write(from, `import '${specifier}'\n`)
  }
}
