// What is printed once everything runs: where things are, who is there, and what to type next.
import { DIRECTORY, SYS_ADMIN } from './directory.ts'
import type { Options } from './options.ts'
import { addressOf } from './registry.ts'

type Membership = { readonly org: string; readonly region: string; readonly role: string }

export function welcome(options: Options, seconds: string): string {
  const { ports } = options
  const tenants = (code: 'in' | 'us') =>
    DIRECTORY.organizations
      .filter(({ regions }) => regions.includes(code))
      .map(({ slug }) => `http://${slug}.${code}.localhost:${ports[code]}`)
      .join('  ')
  const people = [
    [SYS_ADMIN.email, 'sys-admin'],
    ...DIRECTORY.people.map(({ email, memberships }) => [email, describe(memberships)]),
  ] as [string, string][]
  const mailPage = addressOf(ports, 'mail')
  return `
Meridian runs (after ${seconds} s).

  identity    ${addressOf(ports, 'identity')}
  region in   ${addressOf(ports, 'in')}   tenants: ${tenants('in')}
  region us   ${addressOf(ports, 'us')}   tenants: ${tenants('us')}
  mail        ${mailPage}   every mail that the stack sends (SMTP on 127.0.0.1:${ports.smtp})

  data        ${options.dataFolder}
  logs        ${options.dataFolder}/logs

People; they sign in with a code that is mailed to them:

${people.map(([email, what]) => `  ${email.padEnd(22)}${what}`).join('\n')}

Next, in another terminal: the walkthrough in README.md, which begins with

  curl -s ${addressOf(ports, 'identity')}/.well-known/oauth-authorization-server

Ctrl-C stops everything.`
}

function describe(memberships: readonly Membership[]): string {
  if (memberships.length === 0) return 'no membership'
  return memberships.map(({ org, region, role }) => `${role} of ${org} in ${region}`).join(', ')
}
