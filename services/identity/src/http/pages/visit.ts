import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { findBrand } from '../../directory/brand.ts'
import { formTargetOf } from '../../directory/redirect-uri.ts'
import { type AuthorizationRequest, readAuthorizationRequest } from '../../login/authorization-request.ts'
import type { Frame } from '../../pages/page.ts'
import { authorizationQueryOf, PAGE_PATHS, parseQuery, type RawParameters } from '../authorization-query.ts'
import { assertOwnForm, csrfTokenOf, getBrowser } from '../browser-cookie.ts'
import { parseForm } from '../form.ts'

/** A step of somebody's sign-in for a client: the request they come with, checked again, and the page's frame. */
export type Visit = {
  readonly browser: string
  readonly csrf: string
  readonly query: string
  readonly asked: AuthorizationRequest
  readonly frame: Frame
  readonly cancelUrl: string
  readonly otherAccountUrl: string
}

/** Throws Refusal or AuthorizationError where the request does not hold. */
export async function visitWith(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  raw: RawParameters,
): Promise<Visit> {
  const asked = await readAuthorizationRequest(deps.db, raw)
  request.logFields = { ...request.logFields, client_id: asked.client.id }
  const browser = getBrowser(deps, request, reply)
  const query = authorizationQueryOf(raw)
  return {
    browser,
    csrf: csrfTokenOf(deps, browser),
    query,
    asked,
    frame: {
      productName: deps.settings.productName,
      brand: await findBrand(deps.db, asked.org),
      formTargets: [formTargetOf(asked.returnAddress.redirectUri)],
    },
    cancelUrl: `${PAGE_PATHS.cancel}?${query}`,
    otherAccountUrl: `${PAGE_PATHS.address}?${query}`,
  }
}

/** A form of ours that carries the request it goes on with. */
export async function visitByForm<S extends z.ZodType<{ csrf: string; request: string }>>(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  schema: S,
): Promise<{ visit: Visit; form: z.output<S> }> {
  const form = parseForm(schema, request)
  assertOwnForm(deps, request, form.csrf)
  return { visit: await visitWith(deps, request, reply, parseQuery(form.request)), form }
}
