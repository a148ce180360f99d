import { createServer } from 'node:net'
import type { Ports } from './options.ts'
import { StackError } from './stack-error.ts'

const PURPOSES: Readonly<Record<keyof Ports, string>> = {
  identity: 'the identity service',
  in: 'region in',
  us: 'region us',
  smtp: 'incoming mail',
  mail: 'the mail page',
}
/** Clients ask `localhost`, which is both: a stranger on ::1 would be asked first. */
const LOOPBACKS = ['127.0.0.1', '::1']

/** Throws StackError naming every port that is taken. */
export async function assertPortsFree(ports: Ports): Promise<void> {
  const problems: string[] = []
  for (const [name, port] of Object.entries(ports) as [keyof Ports, number][]) {
    for (const host of LOOPBACKS) {
      const code = await whyUnusable(host, port)
      const reason = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used (${code})`
      if (code !== undefined)
        problems.push(`Port ${port}, for ${PURPOSES[name]}, ${reason}: choose another with --${name}-port`)
      if (code !== undefined) break
    }
  }
  if (problems.length === 0) return
  throw new StackError(`${problems.join('\n')}\nOr move all of them at once: npx -y pnpm@12 start --port-base 14000`)
}

function whyUnusable(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', ({ code }: NodeJS.ErrnoException) => {
      // A machine without IPv6 has nobody on ::1.
      resolve(host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') ? undefined : (code ?? 'unknown'))
    })
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}
