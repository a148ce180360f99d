// Loaded before a service (`--import`): its clock is off by what the file named in CLOCK_SHIFT_FILE says, in
// milliseconds, read anew at each SIGUSR2. What counts from some moment on (performance.now, timers) goes on as it was.
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'

const file = process.env['CLOCK_SHIFT_FILE'] ?? ''
const realNow = Date.now
const RealDate = Date
let shiftMs = 0
const COMPILED_AFTER_MS = 3000

function readShift(): void {
  shiftMs = Number(readFileSync(file, 'utf8'))
}

class ShiftedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    if (args.length === 0) super(realNow() + shiftMs)
    else super(...(args as ConstructorParameters<typeof RealDate>))
  }

  static override now(): number {
    return realNow() + shiftMs
  }
}

// Who is killed would leave to the next one to compile everything again.
setTimeout(flushCompileCache, COMPILED_AFTER_MS).unref()
readShift()
process.on('SIGUSR2', readShift)
globalThis.Date = ShiftedDate as DateConstructor
