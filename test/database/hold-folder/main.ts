// A process that takes the data folder argv[2] and keeps it until it is killed; on stdout `held`, or why not.
import { lockFolder } from '@meridian/database/embedded'

try {
  const lock = await lockFolder(process.argv[2] ?? '')
  process.stdout.write('held\n')
  process.stdin.resume().on('end', () => lock.release())
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`)
}
