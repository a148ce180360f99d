// The forms of the stop pages. They come from our own pages, and are read as strictly as anybody's.
import { z } from 'zod'

const csrf = z.string().min(1).max(100)
const flow = z.string().min(1).max(200)

export const stopFormSchema = z.object({ csrf, email: z.string().max(320).default(''), flow: flow.optional() })
export const stopCodeFormSchema = z.object({ csrf, flow, otp: z.string().max(40).default('') })
export const stopQuerySchema = z.object({ flow })
