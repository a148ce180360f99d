// One keep-alive HTTP/1.1 connection that costs little: it shares a core with the database, and an ordinary client
// would spend more there than what it measures. It reads what the measured servers send and nothing more lenient.
import { connect, type Socket } from 'node:net'

export type Answer = { readonly status: number; readonly body: string }

export type Connection = { send(request: string): Promise<Answer>; close(): void }

const HOST = '127.0.0.1'
const ANSWER_TIMEOUT_MS = 20_000
const END_OF_HEAD = '\r\n\r\n'

type Waiting = { resolve(answer: Answer): void; reject(error: Error): void }

export function openConnection(port: number): Connection {
  let socket: Socket | undefined
  let waiting: Waiting | undefined
  let received: Buffer | undefined

  const fail = (error: Error) => {
    socket?.destroy()
    socket = undefined
    received = undefined
    waiting?.reject(error)
    waiting = undefined
  }
  const take = (chunk: Buffer) => {
    received = received === undefined ? chunk : Buffer.concat([received, chunk])
    const read = readAnswer(received)
    if (read === undefined) return
    if (read instanceof Error) return fail(read)
    const settled = waiting
    waiting = undefined
    received = undefined
    if (read.closes) {
      socket?.destroy()
      socket = undefined
    }
    settled?.resolve(read.answer)
  }
  const open = () => {
    const opened = connect({ host: HOST, port, noDelay: true })
    opened.on('data', take)
    opened.on('error', (error) => opened === socket && fail(error))
    opened.on('close', () => opened === socket && fail(new Error('the server closed the connection')))
    opened.setTimeout(ANSWER_TIMEOUT_MS, () => opened === socket && fail(new Error('no answer in time')))
    return opened
  }
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket ??= open()
        socket.write(request, 'latin1')
      }),
    close: () => {
      const closing = socket
      socket = undefined
      closing?.destroy()
    },
  }
}

/** Undefined until all of it is there. */
function readAnswer(received: Buffer): { answer: Answer; closes: boolean } | Error | undefined {
  const end = received.indexOf(END_OF_HEAD)
  if (end === -1) return undefined
  const head = received.toString('latin1', 0, end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) return new Error(`an answer without Content-Length: ${head}`)
  const from = end + END_OF_HEAD.length
  const to = from + Number(length)
  if (received.length < to) return undefined
  const answer = { status: Number(head.slice(9, 12)), body: received.toString('latin1', from, to) }
  return { answer, closes: /\r\nconnection: *close/i.test(head) }
}

export type RequestParts = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly token?: string
  /** A form; its presence makes a body. */
  readonly form?: string
}

export function formatRequest({ method, path, token, form }: RequestParts): string {
  const bearer = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${HOST}\r\naccept: application/json\r\n${bearer}`
  if (form === undefined) return `${head}\r\n`
  return `${head}content-type: application/x-www-form-urlencoded\r\ncontent-length: ${form.length}\r\n\r\n${form}`
}
