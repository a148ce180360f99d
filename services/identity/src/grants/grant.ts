// What a grant is given and what it must bring: it proves who is acting and where; dispatch.ts mints and answers.
import type { Origin } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Client } from '../store/clients.ts'
import type { ChosenContext, SignedIn, Target, WantedTarget } from '../store/mint-state.ts'
import type { SupportMint } from '../store/support-admission.ts'

export type GrantDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'keySet' | 'makeId' | 'randomBytes' | 'log'>

export type GrantContext = {
  readonly client: Client
  /** SHA-256 of the request's Idempotency-Key. */
  readonly retryKeyHash: Uint8Array | null
  readonly origin: Origin
  /** Whether its time ran out and 503 was said: what is still under way for it must accuse nobody. */
  readonly isAnswered: () => boolean
}

/** What a grant proved. Everything in it was re-read from the database in this request. */
export type Proof =
  | {
      readonly kind: 'account'
      readonly signedIn: SignedIn
      readonly scope: string
      readonly context: ChosenContext
      readonly refreshToken: string
      readonly redeemed?: { readonly nonce: string | null }
    }
  | {
      readonly kind: 'region'
      readonly signedIn: SignedIn
      readonly scope: string
      readonly target: Target
      readonly refreshToken?: string
      readonly isExchange?: boolean
      readonly redeemed?: { readonly nonce: string | null }
    }
  | { readonly kind: 'support'; readonly scope: string; readonly support: SupportMint }
  | { readonly kind: 'client'; readonly scope: string; readonly nowSeconds: number }

type TargetParameters = { readonly resource?: string | undefined; readonly org_id?: string | undefined }

/**
 * The target that a request asks for: null for an account token. A client that has no account tokens falls back to
 * what its family is bound to. RFC 8707 §2.
 */
export function targetOf(client: Client, request: TargetParameters): WantedTarget | null {
  const { resource, org_id: org } = request
  if ((resource === undefined) !== (org === undefined)) {
    throw new Refusal('invalid_target', 'resource and org_id go together')
  }
  if (resource === undefined || org === undefined) return client.accountToken ? null : { resource: null, org: null }
  return { resource, org: org.toLowerCase() }
}
