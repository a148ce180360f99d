import type { AuthorizationResponse } from '@meridian/protocol/authorization-request'
import type { FastifyReply } from 'fastify'
import { formTargetOf } from '../directory/redirect-uri.ts'
import type { ReturnAddress } from '../login/authorization-error.ts'
import { type ErrorPageCode, renderError } from '../pages/error-page.ts'
import { renderFormPost } from '../pages/form-post-page.ts'
import type { Page } from '../pages/page.ts'

/** Routes with it in their config answer people: their errors are pages. */
export const PAGE = { answersWithPages: true } as const

export function isPageRoute(config: object): boolean {
  return 'answersWithPages' in config && config.answersWithPages === true
}

export function sendPage(reply: FastifyReply, page: Page, status = 200): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': page.contentSecurityPolicy,
      'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    })
    .serializer((html: unknown) => String(html))
    .send(page.html)
}

export function sendErrorPage(
  reply: FastifyReply,
  productName: string,
  error: { code: ErrorPageCode; status: number; requestId: string },
): FastifyReply {
  const view = { code: error.code, requestId: error.requestId, retryUrl: null }
  return sendPage(reply, renderError({ productName, brand: null, formTargets: [] }, view), error.status)
}

/** To another page after a form: 303, so that the form is not sent again (RFC 9700 §4.12). */
export function seeOther(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(303).header('location', location).send()
}

type CodeResponse = Extract<AuthorizationResponse, { code: string }>
type ErrorResponse = Exclude<AuthorizationResponse, CodeResponse>

/** An authorization response, always with `iss` (RFC 9207), by redirect or as a form (OAuth 2.0 Form Post). */
export function sendAuthorizationResponse(
  reply: FastifyReply,
  settings: { readonly issuer: string; readonly productName: string },
  to: ReturnAddress,
  parameters: Pick<CodeResponse, 'code'> | Pick<ErrorResponse, 'error' | 'error_description'>,
): FastifyReply {
  const response: AuthorizationResponse = { ...parameters, state: to.state, iss: settings.issuer }
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(response)) if (value !== undefined) fields[name] = value
  if (to.responseMode === 'form_post') {
    const frame = { productName: settings.productName, brand: null, formTargets: [formTargetOf(to.redirectUri)] }
    return sendPage(reply, renderFormPost(frame, { action: to.redirectUri, fields }))
  }
  const separator = to.redirectUri.includes('?') ? '&' : '?'
  return seeOther(reply, `${to.redirectUri}${separator}${new URLSearchParams(fields).toString()}`)
}
