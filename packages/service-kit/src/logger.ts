// One JSON line an event. What is secret by its name never reaches a line, at any depth; what a person typed stays
// inside its line. Requests are logged by server.ts, without their query string.
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'

/** Compared without case, `-` and `_`. An error's own `code` is written by `errorFields` and stays readable. */
const SECRET_NAMES = [
  'access_token',
  'auth_session',
  'authorization',
  'authorization_code',
  'client_assertion',
  'client_secret',
  'code',
  'code_verifier',
  'contact',
  'cookie',
  'email',
  'handoff',
  'id_token',
  'otp',
  'password',
  'phone',
  'proxy_authorization',
  'refresh_token',
  'set_cookie',
  'subject_token',
  'token',
]
const SECRET_KEYS: ReadonlySet<string> = new Set(SECRET_NAMES.map(foldName))
const REDACTED = '[redacted]'
/** Deeper than anything we log on purpose. */
const MAX_DEPTH = 8

export type { Logger } from 'pino'

export function createLogger(options: {
  name: string
  level: string
  /** Standard output unless given. */
  destination?: DestinationStream
}): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    serializers: { req: requestFields, res: responseFields, err: errorFields },
    formatters: { level: (label: string) => ({ level: label }), log: redactFields },
  }
  // Synchronous: flushing what is queued at the exit never ends when the reader of a pipe is gone (sonic-boom 4.2).
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  const logger = pino(settings, destination)
  return redactingChildren(logger).child({ service: options.name })
}

/** pino runs `formatters.log` on events only; what a child is bound to passes through here. */
function redactingChildren(logger: Logger): Logger {
  const { child } = logger
  logger.child = function redactedChild(this: Logger, bindings: object, ...rest: never[]) {
    return child.call(this, redactFields(bindings as Record<string, unknown>), ...rest)
  } as Logger['child']
  return logger
}

const SERIALIZED_KEYS: ReadonlySet<string> = new Set(['req', 'res', 'err'])

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    kept[name] = SERIALIZED_KEYS.has(name) ? value : redact(name, value, 1)
  }
  return kept
}

function redact(name: string, value: unknown, depth: number): unknown {
  if (value !== undefined && value !== null && SECRET_KEYS.has(foldName(name))) return REDACTED
  if (typeof value === 'string') return withoutTerminalControls(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[deeper]'
  if (value instanceof Error) return errorFields(value)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.map((item) => redact('', item, depth + 1))
  if ('toJSON' in value && typeof value.toJSON === 'function') return redact('', value.toJSON(), depth + 1)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redact(key, inner, depth + 1)]))
}

function foldName(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase()
}

/** JSON escapes C0 (CR, LF, ESC); C1 (U+009B is CSI), DEL and the two Unicode line ends it leaves alone. */
function withoutTerminalControls(text: string): string {
  return text.replace(/[\u007f-\u009f\u2028\u2029]/g, '\ufffd')
}

type RequestLike = { id?: unknown; method?: string; url?: string; host?: string; ip?: string }

function requestFields(request: RequestLike): Record<string, unknown> {
  return {
    request_id: request.id,
    method: request.method,
    path: withoutTerminalControls(pathOf(request.url ?? '')),
    host: request.host,
    remote_address: request.ip,
  }
}

/** A URL's path; its query may hold codes and tokens. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}

function responseFields(response: { statusCode?: number }): Record<string, unknown> {
  return { status: response.statusCode }
}

const MAX_CAUSES = 5

/** Only what an error always has: drivers hang rows, parameters and whole requests on theirs. */
function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return redact('', error, 1)
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : ''
  return {
    type: error.name,
    message: withoutContacts(error.message),
    ...(code === '' ? {} : { code }),
    stack: withoutContacts(error.stack ?? ''),
    ...(error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorFields(error.cause, depth + 1) }),
  }
}

/** Messages are written by libraries, and some quote what they were given: email addresses and JWTs are cut out. */
function withoutContacts(text: string): string {
  return withoutTerminalControls(text)
    .replace(/[\w.!#$%&'*+=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}/g, '[email]')
    .replace(/\beyJ[\w-]{8,}\.[\w-]{2,}(\.[\w-]*)?/g, '[jwt]')
}
