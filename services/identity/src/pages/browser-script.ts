// What the pages do better with script. These functions are sent to the browser as text, so each stands alone: it sees
// its own names and the browser's, no import and no other function of this file. Without them all still works.
import { inlineCode } from './inline-code.ts'

/** A second press while the first is on its way sends nothing. */
function sendOnce() {
  const waitMs = 10_000
  const sent = new Set<EventTarget>()
  const release = () => {
    sent.clear()
    for (const button of document.querySelectorAll('[aria-busy]')) button.removeAttribute('aria-busy')
  }
  document.addEventListener('submit', (event) => {
    if (event.target === null) return
    if (sent.size > 0) {
      event.preventDefault()
      return
    }
    sent.add(event.target)
    event.submitter?.setAttribute('aria-busy', 'true')
    setTimeout(release, waitMs)
  })
  addEventListener('pageshow', release)
}

/** A code that is complete needs no press. */
function sendFullCode() {
  const field = document.querySelector<HTMLInputElement>('input[data-digits]')
  field?.addEventListener('input', (event) => {
    if ((event as InputEvent).isComposing) return
    const digits = field.value.normalize('NFKC').replace(/\D/g, '')
    if (digits.length === Number(field.dataset['digits'])) field.form?.requestSubmit()
  })
}

/** Counts down to the next code in sight, and tells a screen reader once, at the end. */
function countDown() {
  const form = document.querySelector<HTMLFormElement>('form[data-resend-in]')
  const seconds = Number(form?.dataset['resendIn'])
  const button = form?.querySelector('button')
  const wait = form?.querySelector<HTMLElement>('[data-counted]')
  const told = form?.querySelector('[data-told]')
  if (!form || !button || !wait || !told || !(seconds > 0)) return
  const counted = JSON.parse(wait.dataset['counted'] ?? '{}') as Record<string, string>
  const plural = new Intl.PluralRules(document.documentElement.lang)
  const endsAtMs = performance.now() + seconds * 1000
  button.disabled = true
  const tick = () => {
    const left = Math.ceil((endsAtMs - performance.now()) / 1000)
    if (left > 0) {
      wait.textContent = (counted[plural.select(left)] ?? counted['other'] ?? '').replace('#', String(left))
      return
    }
    clearInterval(timer)
    button.disabled = false
    wait.textContent = ''
    told.textContent = form.dataset['resendReady'] ?? ''
  }
  const timer = setInterval(tick, 1000)
}

/** Narrows a long list of places to those that hold every word typed. */
function filterChoices() {
  const box = document.querySelector<HTMLElement>('[data-filter]')
  const input = box?.querySelector('input')
  const told = box?.querySelector<HTMLElement>('[data-counted]')
  if (!box || !input || !told) return
  const counted = JSON.parse(told.dataset['counted'] ?? '{}') as Record<string, string>
  const plural = new Intl.PluralRules(document.documentElement.lang)
  const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  let telling: number | undefined
  const narrow = () => {
    const words = fold(input.value).split(/\s+/)
    let shown = 0
    for (const group of document.querySelectorAll<HTMLElement>('[data-group]')) {
      const name = group.querySelector('h2')?.textContent ?? ''
      const before = shown
      for (const choice of group.querySelectorAll('button')) {
        const text = fold(`${name} ${choice.textContent}`)
        choice.hidden = !words.every((word) => text.includes(word))
        if (!choice.hidden) shown++
      }
      group.hidden = shown === before
    }
    clearTimeout(telling)
    telling = window.setTimeout(() => {
      const text = shown === 0 ? told.dataset['none'] : (counted[plural.select(shown)] ?? counted['other'])
      told.textContent = (text ?? '').replace('#', String(shown))
    }, 400)
  }
  input.addEventListener('input', narrow)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter')
      document.querySelector<HTMLElement>('[data-group] button:not([hidden],:disabled)')?.focus()
  })
  box.hidden = false
}

/** Whoever came by a link can go back by a button. */
function goBack() {
  const button = document.querySelector<HTMLElement>('[data-back]')
  if (!button || history.length < 2) return
  button.hidden = false
  button.addEventListener('click', () => history.back())
  for (const other of document.querySelectorAll<HTMLElement>('[data-back-how]')) other.hidden = true
}

/** The form's own fields may be named like its methods. */
function submitNow() {
  const form = document.querySelector<HTMLFormElement>('form[data-submit-now]')
  if (form) HTMLFormElement.prototype.submit.call(form)
}

function scriptOf(...steps: readonly (() => void)[]) {
  return inlineCode(steps.map((step) => `(${step.toString()})();`).join('\n'))
}

export const FORM_SCRIPT = scriptOf(sendOnce)
export const CODE_SCRIPT = scriptOf(sendOnce, sendFullCode, countDown)
export const CONTEXT_SCRIPT = scriptOf(sendOnce, filterChoices)
export const SIGN_OUT_SCRIPT = scriptOf(sendOnce, goBack)
export const SUBMIT_SCRIPT = scriptOf(submitNow)
