import type { ProblemDetails } from '@meridian/protocol/problem'
import type { z } from 'zod'
import { Problem } from './problem.ts'
import { isStorable } from './storable-text.ts'

/**
 * Parses what a caller sent; throws the Problem `invalid_request` that names each wrong field. Only this makes a
 * schema's refusal the caller's fault: a bare ZodError, from a row of our own say, is answered with 500.
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input)
  if (parsed.success) {
    if (isStorable(parsed.data)) return parsed.data
    throw new Problem('invalid_request', { detail: 'A text has a null character, or half of a surrogate pair' })
  }
  throw new Problem('invalid_request', { errors: fieldErrorsOf(parsed.error), cause: parsed.error })
}

/** Enough to mend a form with; a hostile body shall not make a long answer. */
const MAX_FIELD_ERRORS = 20
const MAX_POINTER_CHARACTERS = 200

function fieldErrorsOf(error: z.ZodError): NonNullable<ProblemDetails['errors']> {
  return error.issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: 'Unknown field' }))
        : [{ pointer: pointerOf(issue.path), detail: issue.message }],
    )
    .slice(0, MAX_FIELD_ERRORS)
}

/** RFC 6901. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
    .slice(0, MAX_POINTER_CHARACTERS)
}
