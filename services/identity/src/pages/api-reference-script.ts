import { inlineCode } from './inline-code.ts'

/** Sent to the browser as text (see browser-script.ts). Narrows the reference to what holds every word typed. */
function filterOperations() {
  const box = document.querySelector<HTMLElement>('[data-filter]')
  const input = box?.querySelector('input')
  const told = box?.querySelector('[data-told]')
  if (!box || !input || !told) return
  let telling: number | undefined
  const narrow = () => {
    const words = input.value.toLowerCase().split(/\s+/)
    let shown = 0
    for (const group of document.querySelectorAll<HTMLElement>('[data-area]')) {
      const before = shown
      for (const operation of group.querySelectorAll<HTMLElement>('[data-operation]')) {
        const text = operation.textContent.toLowerCase()
        operation.hidden = !words.every((word) => text.includes(word))
        if (!operation.hidden) shown++
        for (const link of document.querySelectorAll<HTMLElement>(`nav a[href="#${operation.id}"]`)) {
          link.hidden = operation.hidden
        }
      }
      group.hidden = shown === before
    }
    for (const list of document.querySelectorAll<HTMLElement>('[data-links]')) {
      list.hidden = list.querySelector('li a:not([hidden])') === null
    }
    for (const rest of document.querySelectorAll<HTMLElement>('[data-unfiltered]')) rest.hidden = input.value !== ''
    if (input.value !== '') scrollTo(0, 0)
    clearTimeout(telling)
    telling = window.setTimeout(() => {
      told.textContent = input.value === '' ? '' : `${shown} found`
    }, 400)
  }
  input.addEventListener('input', narrow)
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target instanceof HTMLInputElement) return
    event.preventDefault()
    input.focus()
  })
  box.hidden = false
  narrow()
}

export const FILTER_SCRIPT = inlineCode(`(${filterOperations.toString()})();`)
