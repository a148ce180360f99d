// The README's walkthrough as a script: its bash blocks in order, with the lines `# → …` as what must be printed there.
import { execFile } from 'node:child_process'
import type { StackPorts } from './stack.ts'

export type Step = { readonly commands: string; readonly expected: readonly string[] }

const BLOCK = /^```bash walkthrough\n(.*?)^```$/gms
const EXPECTED = '# → '

/** The README's addresses give way to those of the stack under test. */
export function walkthroughOf(readme: string, ports: StackPorts): readonly Step[] {
  const printed: StackPorts = { identity: 4000, in: 4101, us: 4102, smtp: 4025, mail: 4026 }
  const blocks = [...readme.matchAll(BLOCK)].map(([, block = '']) => block)
  return blocks.flatMap((block) => {
    const moved = block.replaceAll(/(localhost):(\d+)/g, (address, host, port) => {
      const found = Object.entries(printed).find(([, number]) => String(number) === port)
      if (found === undefined) throw new Error(`the walkthrough names ${address}, which the stack does not have`)
      return `${host}:${ports[found[0] as keyof StackPorts]}`
    })
    return stepsOf(moved)
  })
}

/** A step is commands and the lines that they print; commands after the last such line print nothing. */
function stepsOf(block: string): Step[] {
  const steps: { commands: string; expected: string[] }[] = []
  let current: { commands: string; expected: string[] } | undefined
  for (const line of block.split('\n')) {
    if (line.startsWith(EXPECTED)) current?.expected.push(line.slice(EXPECTED.length))
    else if (current === undefined || current.expected.length > 0) {
      if (line === '') continue
      current = { commands: `${line}\n`, expected: [] }
      steps.push(current)
    } else current.commands += `${line}\n`
  }
  return steps
}

/** Runs the steps in one shell, as a person who pastes them. Resolves to what each one printed. */
export function runSteps(steps: readonly Step[], timeoutMs: number): Promise<readonly (readonly string[])[]> {
  const mark = '@@ end of step'
  const script = steps.map(({ commands }) => `${commands}echo '${mark}'\n`).join('')
  return new Promise((resolve, reject) => {
    execFile('bash', ['-c', script], { timeout: timeoutMs }, (error, stdout, stderr) => {
      if (error !== null) return reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
      const outputs = stdout.split(`${mark}\n`).slice(0, -1)
      resolve([...outputs.map((output) => output.split('\n').slice(0, -1)), ...(stderr === '' ? [] : [[stderr]])])
    })
  })
}
