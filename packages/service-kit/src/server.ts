// The HTTP server that both services are built on: limits, request ids, security headers, one log line a request,
// and an answer to everything that no route takes. Routes, guards and the wording of errors are the service's own.
// biome-ignore lint/style/noRestrictedImports: request ids only; a service passes its own source
import { randomBytes as systemRandomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify'
import { type Logger, pathOf } from './logger.ts'
import { Problem, sendProblem } from './problem.ts'
import { problemOf } from './request-fault.ts'
import { SECURITY_HEADERS } from './security-headers.ts'

/** Fields that a route adds to its request's log line: ids only, nothing that a person typed. */
export type LogFields = {
  org_id?: string
  user_id?: string
  region?: string
  client_id?: string
  problem_code?: string
}

declare module 'fastify' {
  interface FastifyRequest {
    logFields: LogFields
  }
}

/** Body limit of routes that take credentials. ARCHITECTURE §11. */
export const AUTH_BODY_MAX_BYTES = 16 * 1024

export type ServerLimits = {
  /** A slow sender of headers holds a socket no longer than this. */
  readonly headersTimeoutMs: number
  /** A whole request must have arrived by then. */
  readonly requestTimeoutMs: number
  /** How often Node looks for requests that are past the two limits above. */
  readonly timeoutCheckIntervalMs: number
  /** A handler that is not done by then is answered for with 503. Long polls set `handlerTimeout` on their route. */
  readonly handlerTimeoutMs: number
  /** Longer than a reverse proxy keeps idle upstream connections (nginx: 60 s), so that the proxy closes first. */
  readonly keepAliveTimeoutMs: number
  /** No byte either way for this long ends the socket; longer than the longest long poll (25 s). */
  readonly connectionTimeoutMs: number
  /** Spreads long-lived connections over processes again. */
  readonly maxRequestsPerSocket: number
  /** Line and headers of a request, in bytes. */
  readonly maxHeaderBytes: number
  readonly bodyMaxBytes: number
  /** One path parameter, in characters: ids are 36, slugs at most 63. */
  readonly maxParamCharacters: number
}

const DEFAULT_LIMITS: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  timeoutCheckIntervalMs: 1_000,
  handlerTimeoutMs: 5_000,
  keepAliveTimeoutMs: 65_000,
  connectionTimeoutMs: 30_000,
  maxRequestsPerSocket: 10_000,
  maxHeaderBytes: 16 * 1024,
  bodyMaxBytes: 256 * 1024,
  maxParamCharacters: 256,
}

export type SendError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply

export type ServerOptions = {
  readonly logger: Logger
  /** Whose `X-Forwarded-*` to believe: nobody's, or that of these addresses and ranges. */
  readonly trustProxy: boolean | string[]
  readonly limits?: Partial<ServerLimits>
  /** A service's http/errors.ts. Problem details for everything unless given. */
  readonly sendError?: SendError
  readonly randomBytes?: (bytes: number) => Uint8Array
}

export function createServer(options: ServerOptions): FastifyInstance {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const randomBytes = options.randomBytes ?? systemRandomBytes
  const sendError: SendError = options.sendError ?? ((error, _request, reply) => sendProblem(reply, problemOf(error)))
  const app: FastifyInstance = fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    trustProxy: options.trustProxy,
    requestIdHeader: false,
    genReqId: () => Buffer.from(randomBytes(16)).toString('base64url'),
    http: {
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
      // `refuseLooseHeaders` asks for it, with the headers of every other answer.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    requestTimeout: limits.requestTimeoutMs,
    handlerTimeout: limits.handlerTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionTimeout: limits.connectionTimeoutMs,
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
    bodyLimit: limits.bodyMaxBytes,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // `refuseWhileClosing` answers instead: Fastify's own 503 passes no hook and so has no security headers.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: limits.maxParamCharacters, caseSensitive: true },
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these, and their messages quote the whole URL.
      addHeaders(request, reply)
      void sendError(error, request, reply)
      request.log.info({ ...requestLine(request), status: reply.statusCode }, 'request')
    },
    clientErrorHandler: answerClientError,
  })
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('logFields', null as unknown as LogFields)
  app.addHook('onRequest', async (request) => {
    request.logFields = {}
  })
  refuseWhileClosing(app)
  app.addHook('onRequest', refuseLooseHeaders)
  app.addHook('onSend', async (request, reply) => addHeaders(request, reply))
  logRequests(app)
  app.setErrorHandler(errorHandler(sendError))
  answerUnrouted(app)
  return app
}

function errorHandler(sendError: SendError) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const sent = sendError(error, request, reply)
    if (reply.statusCode === 500 || (reply.statusCode > 500 && !isRefusal(error)))
      request.log.error({ err: error }, 'request failed')
    else request.log.debug({ err: error }, 'request refused')
    return sent
  }
}

/** What is refused by a rule of ours is no fault, though its status may be 503. */
function isRefusal(error: object): boolean {
  return (error instanceof Problem && error.cause === undefined) || ('isRefusal' in error && error.isRefusal === true)
}

/** Once `close` has begun: 503 for new requests on open connections, and no connection is kept. */
function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', async (request) => {
    if (!closing || answersWhileClosing(request)) return
    throw new Problem('temporarily_unavailable', { headers: { 'retry-after': '1' } })
  })
  app.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close')
  })
}

/** A route's `config.answersWhileClosing`: health checks. */
function answersWhileClosing(request: FastifyRequest): boolean {
  const config: object = request.routeOptions.config
  return 'answersWhileClosing' in config && config.answersWhileClosing === true
}

/** RFC 9110 §8.3.1, and nothing after it. */
const MEDIA_TYPE =
  /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+(?:[ \t]*;[ \t]*[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"[^"\\\r\n]*"))*$/

/**
 * Which organization a host stands for, and which parser reads the body, must not depend on how leniently somebody
 * reads these two headers: one value, well formed. (HTTP/1.0 has no Host; some health checks still speak it.)
 */
async function refuseLooseHeaders(request: FastifyRequest): Promise<void> {
  const hosts = countHeader(request, 'host')
  if (hosts > 1 || (hosts === 0 && request.raw.httpVersion !== '1.0')) {
    throw new Problem('invalid_request', { detail: 'The request needs one Host header' })
  }
  const contentType = request.headers['content-type']
  if (contentType === undefined) return
  if (countHeader(request, 'content-type') > 1 || !MEDIA_TYPE.test(contentType)) {
    throw new Problem('unsupported_media_type')
  }
}

/** As sent: `request.headers` keeps the first of these and drops the others. */
function countHeader(request: FastifyRequest, name: string): number {
  return request.raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length
}

const SECURITY_HEADER_LIST = Object.entries(SECURITY_HEADERS)

function addHeaders(request: FastifyRequest, reply: FastifyReply): void {
  for (const [name, value] of SECURITY_HEADER_LIST) {
    if (!reply.hasHeader(name)) void reply.header(name, value)
  }
  void reply.header('x-request-id', request.id)
}

function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({ ...requestLine(request, reply), status: reply.statusCode }, 'request')
  })
  app.addHook('onRequestAbort', async (request) => {
    request.log.info({ ...requestLine(request), aborted: true }, 'request')
  })
}

function requestLine(request: FastifyRequest, reply?: FastifyReply): Record<string, unknown> {
  return {
    method: request.method,
    path: pathOf(request.url),
    ...(reply === undefined ? {} : { duration_ms: Math.round(reply.elapsedTime * 100) / 100 }),
    ...request.logFields,
  }
}

/** 405 with `Allow` where the path exists under another method, and for TRACE everywhere; else 404. */
function answerUnrouted(app: FastifyInstance): void {
  const methodsOf = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = methodsOf.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    for (const name of [method].flat()) route.methods.add(name)
    methodsOf.set(url, route)
  })
  app.setNotFoundHandler((request) => {
    const path = pathOf(request.url)
    const matching = [...methodsOf.values()].filter(({ pattern }) => pattern.test(path))
    const allowed = new Set(matching.flatMap(({ methods }) => [...methods]))
    // A CORS plugin takes OPTIONS on every path: that alone does not make a path exist.
    const exists = [...allowed].some((method) => method !== 'OPTIONS')
    if (!exists && request.method !== 'TRACE') throw new Problem('not_found')
    throw new Problem('method_not_allowed', { headers: { allow: [...allowed].sort().join(', ') } })
  })
}

/** A route's path as Fastify writes it (`/orgs/:org/*`) as an expression for whole paths. */
function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((step) => (step.startsWith(':') ? '[^/]+' : step === '*' ? '.*' : step.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/')
  return new RegExp(`^${source}$`)
}

/** What never became a request: bad HTTP, headers too long or too slow. */
function answerClientError(this: FastifyInstance, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  this.log.debug({ err: error }, 'client error')
  const headers = { ...SECURITY_HEADERS, 'content-length': '0', connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (socket.writable) socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`)
  socket.destroy(error)
}
