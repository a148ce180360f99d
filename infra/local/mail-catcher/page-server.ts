import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Mailbox } from './mailbox.ts'

const MAX_CONNECTIONS = 64
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000
/** The names under which a browser may know this page: any other is DNS rebinding. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]']

const ALWAYS = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
// A document of its own rather than srcdoc, which would inherit the page's policy and lose the mail's inline styles.
// Its origin is opaque, nothing in it runs, and nothing is fetched for it.
const MAIL_POLICY =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

interface Answer {
  status: number
  body: string
  type?: string
  headers?: Record<string, string>
}

interface PageServerOptions {
  host: string
  port: number
  smtpPort: number
  mailbox: Mailbox
  log: (line: string) => void
}

export async function startPageServer(
  options: PageServerOptions,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const assets = await readAssets(options.smtpPort)
  const answerTo = answers(options.mailbox, assets)
  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => send(response, answer),
      (error: Error) => {
        options.log(`HTTP: ${error.message}`)
        send(response, plain(500, 'Something went wrong'))
      },
    )
  })
  server.maxConnections = MAX_CONNECTIONS
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answers(mailbox: Mailbox, assets: Map<string, Answer>) {
  const runId = randomUUID()
  return async (request: IncomingMessage): Promise<Answer> => {
    const { host, origin } = request.headers
    if (host === undefined || !LOCAL_NAMES.includes(host.replace(/:\d+$/, '').toLowerCase())) {
      return plain(421, 'This page is served to localhost only')
    }
    const target = request.url ?? '/'
    if (!target.startsWith('/')) return plain(400, 'Bad request')
    // Joined and not resolved: a target of //name is a path too.
    const { pathname, searchParams } = new URL(`http://localhost${target}`)
    if (request.method === 'DELETE' && pathname === '/messages') {
      if (origin !== `http://${host}`) return plain(403, 'Only this page may delete the mail')
      await mailbox.empty()
      return { status: 204, body: '' }
    }
    if (request.method !== 'GET') {
      return {
        ...plain(405, 'Method not allowed'),
        headers: { allow: pathname === '/messages' ? 'GET, DELETE' : 'GET' },
      }
    }
    if (pathname === '/messages') {
      const tag = `"${runId}.${mailbox.revision()}"`
      if (request.headers['if-none-match'] === tag) return { status: 304, body: '', headers: { etag: tag } }
      // No address has a bare space, but many have a plus that came here unescaped.
      const to = searchParams.get('to')?.replaceAll(' ', '+') ?? null
      const body = JSON.stringify(mailbox.list(to))
      return { status: 200, body, type: 'application/json', headers: { etag: tag } }
    }
    const mailId = /^\/messages\/([0-9a-f-]{36})\/html$/.exec(pathname)?.[1]
    if (mailId !== undefined) return mailDocument(mailbox.find(mailId)?.html ?? null)
    return assets.get(pathname) ?? plain(404, 'Not found')
  }
}

function mailDocument(html: string | null): Answer {
  if (html === null) return plain(404, 'Not found')
  // Last, so that the mail keeps its own doctype; links then open beside the page and not inside it.
  const body = `${html}<base target="_blank">`
  return { status: 200, body, type: 'text/html', headers: { 'content-security-policy': MAIL_POLICY } }
}

async function readAssets(smtpPort: number): Promise<Map<string, Answer>> {
  const asset = async (path: string, file: string, type: string): Promise<[string, Answer]> => {
    const body = await readFile(new URL(file, import.meta.url), 'utf8')
    return [path, { status: 200, body: body.replaceAll('{{smtpPort}}', String(smtpPort)), type }]
  }
  return new Map(
    await Promise.all([
      asset('/', 'page.html', 'text/html'),
      asset('/page.css', 'page.css', 'text/css'),
      asset('/page.js', 'page.js', 'text/javascript'),
      asset('/icon.svg', 'icon.svg', 'image/svg+xml'),
    ]),
  )
}

function plain(status: number, body: string): Answer {
  return { status, body: `${body}\n`, type: 'text/plain' }
}

function send(response: ServerResponse, answer: Answer): void {
  const type = answer.type === undefined ? {} : { 'content-type': `${answer.type}; charset=utf-8` }
  response.writeHead(answer.status, { ...ALWAYS, 'content-security-policy': PAGE_POLICY, ...type, ...answer.headers })
  response.end(answer.body)
}
