// The forms of the hosted pages. They come from our own pages, and are read as strictly as anybody's.
import { z } from 'zod'

/** An authorization request's query, as the pages hand it on. */
const request = z.string().min(1).max(12_000)
const csrf = z.string().min(1).max(100)
const flow = z.string().min(1).max(200)

export const addressFormSchema = z.object({ csrf, request, email: z.string().max(320).default('') })
export const codeFormSchema = z.object({ csrf, flow, otp: z.string().max(40).default('') })
export const resendFormSchema = z.object({ csrf, flow })
export const accountFormSchema = z.object({ csrf, request, choice: z.enum(['continue', 'other']) })
export const contextFormSchema = z.object({
  csrf,
  request,
  context: z
    .string()
    .max(100)
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} [a-z0-9-]{1,40}$/),
})
export const invitationFormSchema = z.object({
  csrf,
  request,
  answer: z
    .string()
    .max(60)
    .regex(/^(accept|decline) [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
})
export const flowQuerySchema = z.object({ flow })
