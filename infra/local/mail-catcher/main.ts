import { parseArgs } from 'node:util'
import { startMailCatcher } from './mail-catcher.ts'

const HELP = `Catches every mail that the local stack sends, and shows it on a page.

  node infra/local/mail-catcher/main.ts [--smtp-port 4025] [--http-port 4026] [--folder PATH]

  --smtp-port   where mail is taken in, on 127.0.0.1 (0: any free port)
  --http-port   where mail is shown, on 127.0.0.1 (0: any free port)
  --folder      keeps the mail in this folder; without it, mail is gone when the catcher stops
  --help        this text
`

const log = (line: string) => process.stdout.write(`${line}\n`)

function parsePort(text: string, option: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`${option} wants a port from 0 to 65535, not "${text}"`)
  return port
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'smtp-port': { type: 'string', default: '4025' },
      'http-port': { type: 'string', default: '4026' },
      folder: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    log(HELP)
    return
  }
  const catcher = await startMailCatcher({
    smtpPort: parsePort(values['smtp-port'], '--smtp-port'),
    httpPort: parsePort(values['http-port'], '--http-port'),
    folder: values.folder,
    log,
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void catcher.stop())
  log(`Mail is taken in at 127.0.0.1:${catcher.smtpPort} and shown at http://localhost:${catcher.httpPort}`)
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
