// The only place where an error of a region becomes HTTP: problem details (RFC 9457). Who is let in at all is
// answered before, by packages/resource-server, in the same format.
import { Problem, sendProblem } from '@meridian/service-kit/problem'
import { problemOf } from '@meridian/service-kit/request-fault'
import type { SendError } from '@meridian/service-kit/server'
import { RecordRefusal } from '../records/record-refusal.ts'

export const sendError: SendError = (error, request, reply) => {
  const problem = problemFor(error)
  request.logFields = { ...request.logFields, problem_code: problem.code }
  return sendProblem(reply, problem)
}

function problemFor(error: unknown): Problem {
  if (error instanceof RecordRefusal) {
    return new Problem(error.code === 'missing' ? 'not_found' : 'precondition_failed', { cause: error })
  }
  return problemOf(error)
}
