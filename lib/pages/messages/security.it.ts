import type { SecurityWords } from "./security.en.ts";

/** The same in Italian. */
export const security: SecurityWords = {
  security: "Sicurezza",
  securityAbout: "Così dimostri di essere tu.",
  securityRequired: "Questo sito richiede un secondo fattore. Configuralo per continuare.",
  securityMore: "Un secondo fattore protegge il tuo account se un’altra persona scopre la password.",
  goToSecurity: "Secondi fattori e codici di recupero",

  authenticator: "App di autenticazione",
  authenticatorAbout: "Un’app mostra un nuovo codice ogni 30 secondi. Dopo la password inserisci il codice.",
  authenticatorSince: "Configurata",
  lastUsed: "Ultimo uso",
  authenticatorUnreadable: "Il server non può più verificare i codici della tua app. Configurala di nuovo.",
  setUpAuthenticator: "Configura un’app di autenticazione",
  setUpAnother: "Configura un’altra app",
  authenticatorAdded: "L’app di autenticazione è configurata.",
  removeAuthenticator: "Rimuovi l’app…",
  removeAuthenticatorAbout: "I codici dell’app smettono di funzionare.",
  removeLastAbout: "Così non resta alcun secondo fattore. Anche i codici di recupero vengono eliminati.",
  removeRequiredAbout:
    "Così non resta alcun secondo fattore, e questo sito lo richiede. Devi configurarne subito un altro.",
  removeAuthenticatorNow: "Sì, rimuovi l’app",
  authenticatorRemoved: "L’app di autenticazione è stata rimossa.",

  scanAbout: "Inquadra questo codice QR con la tua app di autenticazione.",
  scanReplaces: "Quando confermi il codice, sostituisce l’app che usi ora.",
  qrCode: "Codice QR per l’app di autenticazione",
  openApp: "Apri l’app su questo dispositivo",
  typeKey: "Se non puoi inquadrarlo, inserisci questa chiave nell’app:",
  confirmAbout: "Poi inserisci il codice che l’app mostra. Ha sei cifre.",
  confirmApp: "Conferma",
  setupExpired: "La configurazione è scaduta",
  setupExpiredAbout:
    "Un codice QR vale per 10 minuti e per cinque codici errati. Elimina la sua voce nell’app e ricomincia.",
  startAgain: "Ricomincia",

  recoveryCodes: "Codici di recupero",
  recoveryAbout: "Senza il telefono, ogni codice di recupero ti fa accedere una volta.",
  recoveryLater: "Ne ricevi dieci quando configuri un secondo fattore.",
  recoveryLeft: (left) =>
    left === 0 ? "Non resta alcun codice." : left === 1 ? "Resta 1 codice." : `Restano ${left} codici.`,
  recoveryFew: "Crea subito nuovi codici.",
  makeCodes: "Crea nuovi codici…",
  makeCodesAbout: "I codici che hai ora smettono di funzionare.",
  makeCodesNow: "Sì, crea nuovi codici",
  recoveryOnce:
    "Questi codici si vedono una volta sola. Stampali o conservali in un gestore di password. Ognuno ti fa accedere una volta, al posto del secondo fattore.",
  recoveryFor: (username, site) => `Per ${username} su ${site}`,
  copy: "Copia",
  copied: "Copiati",
  print: "Stampa",
  codesStored: "Ho conservato i codici",

  rememberedBrowsers: "Browser ricordati",
  rememberedWhere: "Da un browser ricordato accedi senza secondo fattore. Li trovi nell’elenco delle sessioni.",
  goToSessions: "Sessioni e dispositivi",
  rememberBrowser: (days) =>
    `Non chiedere un codice in questo browser per ${days === 1 ? "un giorno" : `${days} giorni`}. Solo su un tuo dispositivo.`,

  proveTitle: "Conferma che sei tu",
  proveAbout: "Prima di continuare, conferma che sei tu.",
  proveAgain: "Non è ancora successo nulla. Dopo questo passo, ripeti quello che volevi fare.",
  proveByPassword: "Conferma",
  proveByApp: "Oppure con la tua app di autenticazione",
  proveByCode: "Conferma con il codice",
  proveCodeAbout: "Qui un codice di recupero non funziona.",
  proveSecond: "Questa pagina richiede il secondo fattore. Inserisci il codice della tua app di autenticazione.",
  proveNoWay: "In questo browser non c'è modo di confermarlo. Esci e accedi di nuovo.",
  proved: "Hai confermato che sei tu. Ora puoi continuare.",
  rememberedUntil: "Ricordato fino a",
  rememberedAbout: "Un browser ricordato non chiede il codice all’accesso. Se lo dimentichi, lo chiede di nuovo.",

  notMeFactors: "Ogni passkey e app di autenticazione aggiunta da allora viene rimossa. Quelle di prima restano.",
  factorsLost: "Abbiamo rimosso le passkey o l’app di autenticazione aggiunte da allora, e i nuovi codici di recupero.",
  factorsLeft:
    "Le passkey e l’app di autenticazione di prima restano. Se un altro messaggio dice che ne è stata aggiunta una e non eri tu, usa anche il suo link.",
};
