// Runs a service's main.ts in this process and ends it when the stack that started it is gone, however that died:
// the channel between the two closes with the process that held its other end.
import { pathToFileURL } from 'node:url'

const [, , main] = process.argv
if (main === undefined || process.send === undefined) {
  process.stderr.write('This is started by infra/local/start.ts.\n')
  process.exit(2)
}

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
if (!process.connected) process.exit(1)
await import(pathToFileURL(main).href)
