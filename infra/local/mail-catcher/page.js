// The list is never rebuilt: rows are kept by mail id, so focus, scrolling and selection survive every poll.
// What is open is the address's fragment, what is filtered its ?to=: Back, reload and bookmarks work.

const POLL_MS = 2000
const CODE = /(?<![\w/=#.-])\d{6}(?![\w-])/
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g
const wide = matchMedia('(min-width: 48rem)')
const ago = new Intl.RelativeTimeFormat('en', { style: 'narrow', numeric: 'auto' })
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const fullTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' })

const element = (id) => document.getElementById(id)
const rows = new Map()
const unread = new Set()
let mails = null
let etag = ''
let shownId = null

const chosenId = () => location.hash.slice(1)
const filterText = () => element('filter').value.trim().toLowerCase()
const codeIn = (mail) => CODE.exec(mail.text)?.[0] ?? null

/** "in 0 sec" helps nobody: minutes up to an hour, then the time, then the date. */
function when(at) {
  const minutes = Math.floor((Date.now() - at.getTime()) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return ago.format(-minutes, 'minute')
  return minutes < 12 * 60 ? clockTime.format(at) : `${day.format(at)}, ${clockTime.format(at)}`
}

function makeRow(mail) {
  const row = element('row').content.firstElementChild.cloneNode(true)
  row.querySelector('a').href = `#${mail.id}`
  row.querySelector('.row-to').textContent = mail.to
  row.querySelector('.row-subject').textContent = mail.subject || '(no subject)'
  row.querySelector('.row-code').textContent = codeIn(mail) ?? ''
  row.querySelector('time').dateTime = mail.at
  rows.set(mail.id, row)
  return row
}

function showList() {
  const filter = filterText()
  const listed = mails.filter((mail) => mail.to.toLowerCase().includes(filter))
  const listedIds = new Set(listed.map((mail) => mail.id))
  for (const [id, row] of rows) {
    if (listedIds.has(id)) continue
    row.remove()
    rows.delete(id)
  }
  let place = element('mails').firstElementChild
  for (const mail of listed) {
    const row = rows.get(mail.id) ?? makeRow(mail)
    if (row === place) place = place.nextElementSibling
    else element('mails').insertBefore(row, place)
  }
  element('count').textContent = filter === '' ? `${mails.length || ''}` : `${listed.length} of ${mails.length}`
  element('delete-all').hidden = mails.length === 0
  element('no-mail').hidden = mails.length > 0
  element('no-match').hidden = mails.length === 0 || listed.length > 0
  element('no-match-filter').textContent = element('filter').value.trim()
  const recipients = [...new Set(mails.map((mail) => mail.to))].sort()
  element('recipients').replaceChildren(...recipients.map((to) => new Option(to)))
  markRows()
}

function markRows() {
  for (const [id, row] of rows) {
    const link = row.querySelector('a')
    const time = row.querySelector('time')
    const text = when(new Date(time.dateTime))
    if (time.textContent !== text) time.textContent = text
    link.toggleAttribute('data-new', unread.has(id))
    if (id === shownId) link.setAttribute('aria-current', 'true')
    else link.removeAttribute('aria-current')
  }
}

/** Text with its web addresses made into links, as nodes: nothing in a mail is ever parsed as HTML here. */
function withLinks(text) {
  const nodes = []
  let end = 0
  for (const match of text.matchAll(LINK)) {
    const link = document.createElement('a')
    Object.assign(link, { href: match[0], textContent: match[0], target: '_blank', rel: 'noopener noreferrer' })
    nodes.push(text.slice(end, match.index), link)
    end = match.index + match[0].length
  }
  return [...nodes, text.slice(end)]
}

function showMail() {
  const mail = mails.find((candidate) => candidate.id === chosenId()) ?? null
  if (mail !== null && mail.id === shownId) return
  shownId = mail?.id ?? null
  element('panes').toggleAttribute('data-reading', mail !== null)
  element('mail').hidden = mail === null
  element('nothing-chosen').hidden = mail !== null
  element('nothing-chosen').textContent =
    mails.length === 0 ? 'Waiting for the first mail' : 'Choose a mail to read it here'
  if (mail !== null) fillReadingPane(mail)
  markRows()
}

function fillReadingPane(mail) {
  unread.delete(mail.id)
  const code = codeIn(mail)
  const at = new Date(mail.at)
  element('subject').textContent = mail.subject || '(no subject)'
  element('to').textContent = mail.to
  element('at').textContent = fullTime.format(at)
  element('at').dateTime = mail.at
  element('sign-in').hidden = code === null
  element('code').textContent = code ?? ''
  element('copy').textContent = 'Copy code'
  element('views').hidden = mail.html === null
  element('text').replaceChildren(...withLinks(mail.text))
  if (mail.html !== null) frame(mail.id)
  showView()
  document.querySelector('.reading-pane').scrollTop = 0
}

/** A new frame each time: a frame that navigates adds a step to the page's own history, and Back would stick. */
function frame(id) {
  const fresh = element('html').cloneNode()
  fresh.src = `/messages/${id}/html`
  element('html').replaceWith(fresh)
}

function showView() {
  const asSent = !element('views').hidden && document.querySelector('[name=view]:checked').value === 'html'
  element('html').hidden = !asSent
  element('text').hidden = asSent
}

function openMail(id) {
  history.replaceState(null, '', `${location.pathname}${location.search}#${id}`)
  showMail()
}

function take(next) {
  const known = new Set(mails?.map((mail) => mail.id))
  const arrived = mails === null ? [] : next.filter((mail) => !known.has(mail.id))
  for (const mail of arrived) unread.add(mail.id)
  mails = next
  showMail()
  showList()
  // On a wide screen the reading pane would stand empty beside the list: it starts with the newest.
  const newest = element('mails').firstElementChild?.querySelector('a').hash.slice(1)
  if (shownId === null && newest !== undefined && wide.matches) openMail(newest)
  if (arrived.length === 1) element('news').textContent = `New mail to ${arrived[0].to}: ${arrived[0].subject}`
  if (arrived.length > 1) element('news').textContent = `${arrived.length} new mails`
}

function showConnection(state, text) {
  if (element('connection').dataset.state === state) return
  element('connection').dataset.state = state
  element('connection').textContent = text
}

async function poll() {
  try {
    const response = await fetch('/messages', { headers: etag === '' ? {} : { 'if-none-match': etag } })
    if (response.status === 200) {
      const next = await response.json()
      etag = response.headers.get('etag') ?? ''
      take(next)
    } else if (response.status !== 304) throw new Error(`${response.status}`)
    showConnection('live', 'Live')
  } catch {
    showConnection('lost', 'Not reachable, trying again')
  }
  if (mails !== null) markRows()
}

async function pollForever() {
  if (!document.hidden) await poll()
  setTimeout(pollForever, POLL_MS)
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText(element('code').textContent)
    element('copy').textContent = 'Copied'
    element('news').textContent = 'Code copied'
  } catch {
    getSelection().selectAllChildren(element('code'))
    element('copy').textContent = 'Selected'
  }
}

function applyFilter() {
  const filter = element('filter').value.trim()
  const search = filter === '' ? '' : `?to=${encodeURIComponent(filter)}`
  history.replaceState(null, '', `${location.pathname}${search}${location.hash}`)
  if (mails !== null) showList()
}

function moveThroughList(event) {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key]
  const next = step && event.target.closest('li')?.[step]?.querySelector('a')
  if (!next) return
  event.preventDefault()
  next.focus()
  if (wide.matches) openMail(next.hash.slice(1))
}

async function deleteIfConfirmed() {
  if (element('confirm').returnValue !== 'delete') return
  await fetch('/messages', { method: 'DELETE' })
  openMail('')
  await poll()
  element('filter').focus()
}

element('filter').value = new URLSearchParams(location.search).get('to')?.replaceAll(' ', '+') ?? ''
element('filter').addEventListener('input', applyFilter)
element('clear-filter').addEventListener('click', () => {
  element('filter').value = ''
  applyFilter()
  element('filter').focus()
})
element('mails').addEventListener('keydown', moveThroughList)
element('views').addEventListener('change', showView)
element('copy').addEventListener('click', copyCode)
element('back').addEventListener('click', () => {
  location.hash = ''
})
element('delete-all').addEventListener('click', () => {
  element('confirm').returnValue = ''
  element('confirm').showModal()
})
element('confirm').addEventListener('close', deleteIfConfirmed)
addEventListener('hashchange', () => {
  if (mails === null) return
  const left = shownId
  showMail()
  // On a narrow screen one pane replaces the other: focus goes along, or it would be lost.
  if (wide.matches) return
  if (shownId !== null) element('subject').focus()
  else rows.get(left)?.querySelector('a').focus()
})
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) poll()
})
pollForever()
