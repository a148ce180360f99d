import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { MailCatcher } from '../../infra/local/mail-catcher/mail-catcher.ts'
import { startMailCatcher } from '../../infra/local/mail-catcher/mail-catcher.ts'

interface Outgoing {
  from?: string
  to: string | string[]
  subject?: string
  text?: string
  html?: string
}
interface Nodemailer {
  createTransport: (options: object) => { sendMail: (mail: Outgoing) => Promise<unknown>; close: () => void }
}
interface Teardown {
  teardown: (undo: () => Promise<void>) => void
}
interface CaughtMail {
  id: string
  to: string
  subject: string
  text: string
  html: string | null
  at: string
}
// The mailer is the identity service's dependency: what it sends with is what must arrive.
const { createTransport } = createRequire(new URL('../../services/identity/package.json', import.meta.url))(
  'nodemailer',
) as Nodemailer

const FIRST_AT = Date.UTC(2026, 0, 1)

async function start(test: Teardown, folder?: string): Promise<MailCatcher> {
  let seconds = 0
  const catcher = await startMailCatcher({
    smtpPort: 0,
    httpPort: 0,
    folder,
    log: () => {},
    now: () => new Date(FIRST_AT + 1000 * seconds++),
  })
  test.teardown(catcher.stop)
  return catcher
}

async function send(catcher: MailCatcher, ...mails: Outgoing[]): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port: catcher.smtpPort, secure: false })
  for (const mail of mails) await transport.sendMail({ from: 'meridian@meridian.test', ...mail })
  transport.close()
}

const pageAt = (catcher: MailCatcher, path = '/') => `http://127.0.0.1:${catcher.httpPort}${path}`

async function messages(catcher: MailCatcher, query = ''): Promise<CaughtMail[]> {
  const response = await fetch(pageAt(catcher, `/messages${query}`))
  return (await response.json()) as CaughtMail[]
}

/** By node:http, since fetch does not let the caller choose Host. */
function ask(catcher: MailCatcher, headers: Record<string, string>, method = 'GET', path = '/messages') {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: catcher.httpPort, path, method, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    outgoing.on('error', reject).end()
  })
}

/** Says the lines one by one, each after the answer to the one before; returns the answers. */
async function converse(catcher: MailCatcher, lines: string[]): Promise<string[]> {
  const socket = connect(catcher.smtpPort, '127.0.0.1').setEncoding('utf8')
  const answers: string[] = []
  const left = [...lines, 'QUIT']
  for await (const chunk of socket) {
    answers.push(String(chunk))
    const line = left.shift()
    if (line !== undefined) socket.write(`${line}\r\n`)
  }
  return answers
}

async function temporaryFolder(test: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mail-catcher-'))
  test.teardown(() => rm(folder, { recursive: true }))
  return folder
}

t.test('a mail arrives with its recipient, subject, text, HTML and time', async (test) => {
  const catcher = await start(test)
  const text = 'Your code is 482913.\nGrüße'
  await send(catcher, { to: 'ada@acme.test', subject: 'Sign in: ✓', text, html: '<p>Your code is <b>482913</b></p>' })
  const [mail, ...others] = await messages(catcher)
  test.strictSame(others, [])
  test.strictSame(Object.keys(mail ?? {}), ['id', 'to', 'subject', 'text', 'html', 'at'])
  test.match(mail, { to: 'ada@acme.test', subject: 'Sign in: ✓', at: '2026-01-01T00:00:00.000Z' })
  test.equal(mail?.text.trim(), text)
  test.equal(mail?.html?.trim(), '<p>Your code is <b>482913</b></p>')
})

t.test('a mail without HTML has null there', async (test) => {
  const catcher = await start(test)
  await send(catcher, { to: 'ada@acme.test', subject: 'Plain', text: 'only text' })
  test.match(await messages(catcher), [{ text: /only text/, html: null }])
})

t.test('each recipient gets a copy, hidden ones too', async (test) => {
  const catcher = await start(test)
  await send(catcher, { to: ['ada@acme.test', 'lin@acme.test'], subject: 'Both', text: 'hello' })
  test.strictSame((await messages(catcher)).map((mail) => mail.to).sort(), ['ada@acme.test', 'lin@acme.test'])
  test.equal(new Set((await messages(catcher)).map((mail) => mail.id)).size, 2)
})

t.test('the newest mail comes first', async (test) => {
  const catcher = await start(test)
  await send(
    catcher,
    { to: 'a@x.test', subject: '1' },
    { to: 'b@x.test', subject: '2' },
    { to: 'a@x.test', subject: '3' },
  )
  test.strictSame(
    (await messages(catcher)).map((mail) => mail.subject),
    ['3', '2', '1'],
  )
  test.strictSame(
    (await messages(catcher, '?to=a@x.test')).map((mail) => mail.subject),
    ['3', '1'],
  )
})

t.test('?to= takes the whole address in any case, and nothing less', async (test) => {
  const catcher = await start(test)
  await send(catcher, { to: 'Ada+mail@Acme.test', subject: 'x', text: 'x' })
  for (const to of ['Ada%2Bmail@Acme.test', 'ada%2BMAIL%40acme.TEST', 'ada+mail@acme.test']) {
    test.equal((await messages(catcher, `?to=${to}`)).length, 1, to)
  }
  for (const to of ['ada@acme.test', 'acme.test', 'ada%2Bmail@acme.test.example', 'a%25', '']) {
    test.equal((await messages(catcher, `?to=${to}`)).length, 0, to)
  }
})

t.test('mail in a folder survives a restart, and a line cut short by a crash does no harm', async (test) => {
  const folder = await temporaryFolder(test)
  const first = await start(test, folder)
  await send(first, { to: 'a@x.test', subject: 'one', html: '<i>1</i>' }, { to: 'a@x.test', subject: 'two' })
  const before = await messages(first)
  await first.stop()
  await appendFile(join(folder, 'mail.jsonl'), '{"id":"0199')

  const second = await start(test, folder)
  test.strictSame(await messages(second), before)
  await send(second, { to: 'a@x.test', subject: 'three' })
  await second.stop()

  const third = await start(test, folder)
  test.strictSame(
    (await messages(third)).map((mail) => mail.subject),
    ['three', 'two', 'one'],
  )
  test.equal((await stat(join(folder, 'mail.jsonl'))).mode & 0o077, 0, 'no one else may read the codes')
})

t.test('without a folder nothing outlives the catcher', async (test) => {
  const first = await start(test)
  await send(first, { to: 'a@x.test', subject: 'one' })
  await first.stop()
  test.strictSame(await messages(await start(test)), [])
})

t.test('only the newest 500 mails are kept, in memory and in the folder', async (test) => {
  const folder = await temporaryFolder(test)
  const catcher = await start(test, folder)
  const crowd = Array.from({ length: 50 }, (_, index) => `u${index}@x.test`)
  await send(catcher, { to: 'first@x.test', subject: 'old' })
  for (let batch = 0; batch < 10; batch += 1) await send(catcher, { to: crowd, subject: `batch ${batch}` })
  test.equal((await messages(catcher)).length, 500)
  test.strictSame(await messages(catcher, '?to=first@x.test'), [])
  for (let batch = 10; batch < 41; batch += 1) await send(catcher, { to: crowd, subject: `batch ${batch}` })
  const lines = (await readFile(join(folder, 'mail.jsonl'), 'utf8')).trim().split('\n')
  test.ok(lines.length <= 2000, 'the file is rewritten before it grows without end')
  await catcher.stop()
  const again = await start(test, folder)
  test.match(await messages(again, '?to=u7@x.test'), [{ subject: 'batch 40' }])
  test.equal((await messages(again)).length, 500)
})

t.test('a mail above 1 MiB is refused, declared or not, and the next one is taken', async (test) => {
  const catcher = await start(test)
  await test.rejects(send(catcher, { to: 'a@x.test', subject: 'big', text: 'x'.repeat(1_100_000) }), /552|size/)
  const envelope = ['EHLO test', 'MAIL FROM:<m@x.test>', 'RCPT TO:<a@x.test>', 'DATA']
  const body = `Subject: big\r\n\r\n${`${'x'.repeat(998)}\r\n`.repeat(1100)}.`
  test.match((await converse(catcher, [...envelope, body])).join(''), /^552 /m)
  await send(catcher, { to: 'a@x.test', subject: 'small' })
  test.strictSame(
    (await messages(catcher)).map((mail) => mail.subject),
    ['small'],
  )
})

t.test('there is no sign-in and no TLS to ask for, and at most 50 recipients a mail', async (test) => {
  const catcher = await start(test)
  const recipients = Array.from({ length: 51 }, (_, index) => `RCPT TO:<u${index}@x.test>`)
  const answers = await converse(catcher, [
    'EHLO test',
    'STARTTLS',
    'AUTH PLAIN',
    'MAIL FROM:<m@x.test>',
    ...recipients,
  ])
  test.notMatch(answers[1], /AUTH|STARTTLS/)
  test.match(answers[2], /^5/)
  test.match(answers[3], /^5/)
  test.match(answers.at(-3), /^250/)
  test.match(answers.at(-2), /^452/)
})

t.test('the 33rd connection at a time is turned away', async (test) => {
  const catcher = await start(test)
  const greeting = () =>
    new Promise<string>((resolve) => {
      const socket = connect(catcher.smtpPort, '127.0.0.1').setEncoding('utf8')
      test.teardown(() => socket.destroy())
      socket.once('data', (chunk) => resolve(String(chunk)))
    })
  const greetings = await Promise.all(Array.from({ length: 32 }, greeting))
  test.ok(greetings.every((line) => line.startsWith('220')))
  test.match(await greeting(), /^421/)
})

t.test('a Host that is not this machine is refused before anything is read', async (test) => {
  const catcher = await start(test)
  await send(catcher, { to: 'a@x.test', subject: 'secret' })
  for (const host of [
    'evil.example',
    `evil.example:${catcher.httpPort}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a@localhost',
  ]) {
    const answer = await ask(catcher, { host })
    test.equal(answer.status, 421, host)
    test.notMatch(answer.body, /secret/)
  }
  for (const host of ['localhost', 'localhost:4026', `127.0.0.1:${catcher.httpPort}`, 'LOCALHOST']) {
    test.equal((await ask(catcher, { host })).status, 200, host)
  }
})

t.test('only the page itself may empty the list', async (test) => {
  const folder = await temporaryFolder(test)
  const catcher = await start(test, folder)
  await send(catcher, { to: 'a@x.test', subject: 'kept' })
  const host = `localhost:${catcher.httpPort}`
  for (const origin of ['http://localhost:4200', 'null', `https://${host}`, `http://127.0.0.1:${catcher.httpPort}`]) {
    test.equal((await ask(catcher, { host, origin }, 'DELETE')).status, 403, origin)
  }
  test.equal((await ask(catcher, { host }, 'DELETE')).status, 403, 'no Origin at all')
  test.equal((await messages(catcher)).length, 1)
  test.equal((await ask(catcher, { host, origin: `http://${host}` }, 'DELETE')).status, 204)
  test.strictSame(await messages(catcher), [])
  await catcher.stop()
  test.strictSame(await messages(await start(test, folder)), [], 'the folder is emptied too')
})

t.test('other methods and other paths are refused', async (test) => {
  const catcher = await start(test)
  for (const method of ['POST', 'PUT', 'PATCH', 'OPTIONS', 'HEAD']) {
    test.equal((await fetch(pageAt(catcher, '/messages'), { method })).status, 405, method)
  }
  test.equal((await fetch(pageAt(catcher), { method: 'DELETE' })).status, 405)
  for (const path of ['/mailbox.ts', '/%2e%2e/%2e%2e/package.json', '//evil.example/', '/messages/0/html']) {
    test.equal((await ask(catcher, { host: 'localhost' }, 'GET', path)).status, 404, path)
  }
})

t.test('a list that has not changed is answered 304', async (test) => {
  const catcher = await start(test)
  const etag = (await fetch(pageAt(catcher, '/messages'))).headers.get('etag') ?? ''
  const again = () => fetch(pageAt(catcher, '/messages'), { headers: { 'if-none-match': etag } })
  test.equal((await again()).status, 304)
  await send(catcher, { to: 'a@x.test', subject: 'news' })
  test.equal((await again()).status, 200)
})

t.test('the page runs its own files alone, and puts nothing of a mail into HTML', async (test) => {
  const catcher = await start(test)
  await send(catcher, { to: 'a@x.test', subject: '<img src=x onerror=alert(1)>', text: '<script>alert(2)</script>' })
  const page = await fetch(pageAt(catcher))
  const policy = page.headers.get('content-security-policy') ?? ''
  test.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
  test.match(policy, /require-trusted-types-for 'script'; trusted-types 'none'/)
  test.notMatch(policy, /unsafe/)
  const html = await page.text()
  test.match(html, /<title>Meridian local mail<\/title>/)
  test.match(html, `127.0.0.1:${catcher.smtpPort}`)
  test.notMatch(html, /alert|\son\w+=|style=|<script(?! type="module" src="\/page.js"><\/script>)/)
  const list = await fetch(pageAt(catcher, '/messages'))
  test.match(list.headers.get('content-type'), 'application/json')
  test.equal(list.headers.get('x-content-type-options'), 'nosniff')
  test.match(await list.json(), [{ subject: '<img src=x onerror=alert(1)>' }])
  for (const path of ['/page.css', '/page.js', '/icon.svg'])
    test.equal((await fetch(pageAt(catcher, path))).status, 200)
})

t.test('the HTML of a mail is served into a sandbox without scripts and without network', async (test) => {
  const catcher = await start(test)
  await send(
    catcher,
    { to: 'a@x.test', html: '<script>alert(1)</script><img src="https://evil.example/x.png">' },
    { to: 'a@x.test', text: 'plain' },
  )
  const [plain, rich] = await messages(catcher)
  const response = await fetch(pageAt(catcher, `/messages/${rich?.id}/html`))
  const policy = response.headers.get('content-security-policy') ?? ''
  test.match(policy, /^sandbox /)
  test.notMatch(policy, /allow-scripts|allow-same-origin|allow-top-navigation|script-src/)
  test.match(policy, "default-src 'none'")
  test.match(policy, 'img-src data:;')
  test.match(await response.text(), /<script>/)
  test.equal((await fetch(pageAt(catcher, `/messages/${plain?.id}/html`))).status, 404)
})

t.test('it listens on loopback only', async (test) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    await test.rejects(startMailCatcher({ smtpPort: 0, httpPort: 0, host, log: () => {} }), /loopback only/, host)
  }
})

t.test('a taken port stops the start and leaves the folder of the other catcher alone', async (test) => {
  const folder = await temporaryFolder(test)
  const running = await start(test, folder)
  await send(running, { to: 'a@x.test', subject: 'mine' })
  const log = () => {}
  const clash = { code: 'EADDRINUSE' }
  await test.rejects(startMailCatcher({ smtpPort: running.smtpPort, httpPort: 0, folder, log }), clash)
  await test.rejects(startMailCatcher({ smtpPort: 0, httpPort: running.httpPort, folder, log }), clash)
  await send(running, { to: 'a@x.test', subject: 'mine too' })
  await running.stop()
  test.equal((await messages(await start(test, folder))).length, 2)
})

t.test('stopping does not wait for a client that holds its connection', { timeout: 5000 }, async (test) => {
  const catcher = await start(test)
  const socket = connect(catcher.smtpPort, '127.0.0.1')
  test.teardown(() => socket.destroy())
  await new Promise((resolve) => socket.once('data', resolve))
  await catcher.stop()
  test.pass('stopped')
})
