/** What axe is asked about a page in a colour scheme: in the dark one the colours alone are others. */
export function axeOptions(colorScheme: 'light' | 'dark'): object {
  const onlyWhatDiffers = colorScheme === 'light' ? {} : { runOnly: ['color-contrast'] }
  return { ...onlyWhatDiffers, resultTypes: ['violations', 'incomplete'] }
}
