import type { Words } from "./en.ts";

/** Italian. */
export const it: Words = {
  username: "Nome utente",
  password: "Password",
  email: "Indirizzo e-mail",
  firstName: "Nome",
  lastName: "Cognome",
  show: "Mostra",
  hide: "Nascondi",
  optional: "facoltativo",
  backHome: "Vai al tuo profilo",

  logIn: "Accedi",
  logOut: "Esci",
  loggedOut: "Sei uscito.",
  loginNeeded: "Accedi per continuare.",

  profile: "Profilo",
  lastLogin: "Ultimo accesso",
  noLogin: "mai",
  yourDetails: "I tuoi dati",
  save: "Salva",
  saved: "I tuoi dati sono stati salvati.",
  passwordAbout: "Cambiarla chiude tutte le altre sessioni.",

  changePassword: "Cambia password",
  currentPassword: "Password attuale",
  newPassword: "Nuova password",
  passwordChanged: "La password è cambiata e tutte le altre sessioni sono chiuse.",

  sessions: "Sessioni",
  sessionsAbout: "Dove hai effettuato l’accesso. Chiudi quelle che non riconosci e cambia la password.",
  thisDevice: "Questo dispositivo",
  unknownDevice: "Dispositivo sconosciuto",
  deviceOn: (browser, system) => `${browser} su ${system}`,
  startedAt: "Inizio",
  lastSeenAt: "Ultima attività",
  endSession: "Chiudi",
  endSessionOf: (device) => `Chiudi la sessione di ${device}`,
  endOthers: "Chiudi tutte le altre sessioni",
  sessionEnded: "La sessione è chiusa.",
  othersEnded: "Tutte le altre sessioni sono chiuse.",

  setUp: "Configurazione",
  setUpAbout: "Crea il primo utente. Potrà fare tutto.",
  createUser: "Crea utente",

  error: "Errore",
  problems: {
    400: ["Richiesta errata", "Il browser ha inviato qualcosa di incomprensibile."],
    403: [
      "Rifiutato",
      "La richiesta non viene da una delle nostre pagine. Torna indietro, ricarica la pagina e riprova.",
    ],
    404: ["Non trovato", "A questo indirizzo non c’è nulla."],
    405: ["Non possibile", "Questo indirizzo non si può usare così."],
    406: ["Non disponibile", "Non c’è una pagina del tipo richiesto dal browser."],
    408: ["Troppo lento", "La richiesta non è arrivata in tempo. Riprova."],
    413: ["Troppo grande", "Quello che hai inviato è troppo grande."],
    415: ["Richiesta errata", "Il browser ha inviato un tipo di dati sconosciuto."],
    429: ["Troppi tentativi", "Aspetta un poco e riprova."],
    500: ["Qualcosa è andato storto", "È colpa nostra ed è stato annotato. Riprova più tardi."],
    503: ["Occupato", "Il server non può rispondere adesso. Riprova tra un momento."],
  },

  messages: {
    "This field is required.": "Campo obbligatorio.",
    "This field may not be null.": "Il campo non può essere nullo.",
    "This field may not be blank.": "Il campo non può essere vuoto.",
    "Not a valid string.": "Non è una stringa valida.",
    "Null characters are not allowed.": "I caratteri null non sono ammessi.",
    "Surrogate characters are not allowed: {0}.": "I caratteri surrogati non sono ammessi: {0}.",
    "Ensure this field has no more than {0} characters.": "Assicurati che il campo non abbia più di {0} caratteri.",
    "Enter a valid email address.": "Inserisci un indirizzo e-mail valido.",
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.":
      "Inserisci un nome utente valido. Può contenere solo lettere, numeri e i caratteri @/./+/-/_.",
    "That username is already taken.": "Questo nome utente è già in uso.",
    "Blank passwords aren't allowed.": "La password non può essere vuota.",
    "The password is {0} bytes long; at most {1} are allowed.": "La password è di {0} byte; il massimo è {1}.",
    "The password is too similar to the username.": "La password è troppo simile al nome utente.",
    "The password is too similar to the first name.": "La password è troppo simile al nome.",
    "The password is too similar to the last name.": "La password è troppo simile al cognome.",
    "The password is too similar to the email address.": "La password è troppo simile all’indirizzo e-mail.",
    "The password is too similar to the site name.": "La password è troppo simile al nome del sito.",
    "This password is too short. It must contain at least {0} characters.":
      "La password è troppo corta. Deve contenere almeno {0} caratteri.",
    "This password is too common.": "La password è troppo comune.",
    "This password has appeared in a data breach and must not be used.":
      "Questa password è comparsa in una violazione di dati e non va usata.",
    "Your old password was entered incorrectly. Please enter it again.":
      "La password attuale non è corretta. Inseriscila di nuovo.",
    "Access denied: wrong username or password.": "Accesso negato: nome utente o password errati.",
    "Request was throttled. Expected available in {0} seconds.": "Troppi tentativi. Riprova tra {0} secondi.",
    "The server is busy. Expected available in {0} seconds.": "Il server è occupato. Riprova tra {0} secondi.",
  },
};
