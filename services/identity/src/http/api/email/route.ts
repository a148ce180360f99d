// POST /v1/me/email and /v1/me/email/confirm: a person changes their own address. The rules are login/email-change.ts.
import {
  type EmailChanged,
  type EmailChangeStarted,
  emailChangeConfirmationSchema,
  emailChangeRequestSchema,
} from '@meridian/protocol/email-change'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { confirmEmailChange, requestEmailChange } from '../../../login/email-change.ts'
import { authenticatePerson } from '../../bearer.ts'
import { readRetryKeyHash } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function emailRoutes(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const options = { config: { rateLimit } }
  app.post('/v1/me/email', options, async (request, reply): Promise<EmailChangeStarted> => {
    const person = await authenticatePerson(deps, request)
    const { email, change_session: changeSession } = parseInput(emailChangeRequestSchema, request.body)
    const started = await requestEmailChange(deps, person, { email, changeSession }, originOf(request))
    void reply.code(202)
    return started
  })

  app.post('/v1/me/email/confirm', options, async (request): Promise<EmailChanged> => {
    const person = await authenticatePerson(deps, request)
    const { change_session: changeSession, otp } = parseInput(emailChangeConfirmationSchema, request.body)
    const retryKeyHash = readRetryKeyHash(request)
    return confirmEmailChange(deps, person, { changeSession, otp, retryKeyHash }, originOf(request))
  })
}
