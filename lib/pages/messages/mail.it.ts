import type { MailWords } from "./mail.en.ts";

const NEW_PASSWORD = { ask: [], button: "Scegli una nuova password", isAlarm: false };
const SECURE = "Potrai chiudere tutte le sessioni, bloccare la password e ricevere un link per sceglierne una nuova.";
// Without a gender: «Non sono stato io» is a man's word.
const NOT_ME = {
  ask: ["Se riconosci questa attività, non devi fare nulla.", `Altrimenti apri questo link. ${SECURE}`],
  button: "Non ero io",
  isAlarm: true,
  outro: [],
};

const LOST = "Abbiamo rimosso le passkey o l’app di autenticazione aggiunte da allora, e i nuovi codici di recupero.";
const LEFT =
  "Le passkey e l’app di autenticazione di prima restano. Se un altro messaggio dice che ne è stata aggiunta una e non eri tu, usa anche il suo link.";

/** The words of the mails, in Italian. */
export const mail: MailWords = {
  labels: {
    account: "Account",
    email: "Nuovo indirizzo",
    time: "Data e ora",
    device: "Dispositivo",
    address: "Indirizzo IP",
  },
  linkBelow: "Il pulsante porta a questo indirizzo:",
  valid: (time) => `Il link funziona una sola volta, entro ${time}.`,
  mails: {
    signup: {
      subject: ({ site }) => `Crea il tuo account su ${site}`,
      intro: ({ site }) => [
        `Abbiamo ricevuto la richiesta di creare un account su ${site} con questo indirizzo e-mail.`,
      ],
      ask: [],
      button: "Crea l’account",
      isAlarm: false,
      outro: ["Se la richiesta non è tua, puoi ignorare questo messaggio: non verrà creato nessun account."],
    },
    signup_known: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `Hai già un account su ${site}`,
      intro: ({ site }) => [
        `Abbiamo ricevuto la richiesta di creare un account su ${site} con questo indirizzo e-mail, che però ne ha già uno.`,
        "Puoi accedere con quello. Se hai dimenticato la password, scegline una nuova.",
      ],
      outro: ["Se la richiesta non è tua, puoi ignorare questo messaggio: non cambierà nulla."],
    },
    invite: {
      subject: ({ site }) => `Invito a creare un account su ${site}`,
      intro: ({ site }) => [`Hai ricevuto un invito a creare un account su ${site}.`],
      ask: [],
      button: "Crea l’account",
      isAlarm: false,
      outro: ["Se non vuoi un account, puoi ignorare questo messaggio."],
    },
    password_reset: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `Scegli una nuova password per ${site}`,
      intro: ({ site }) => [`Abbiamo ricevuto la richiesta di una nuova password per il tuo account su ${site}.`],
      outro: ["Se la richiesta non è tua, puoi ignorare questo messaggio: la tua password non cambierà."],
    },
    secured: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `Il tuo account su ${site} è al sicuro`,
      intro: ({ site, hasLostFactor = false, hasFactor = false }) => [
        `Hai segnalato su ${site} qualcosa che non era opera tua. Ogni sessione è chiusa e la vecchia password non funziona più.`,
        ...(hasLostFactor ? [LOST] : []),
        ...(hasFactor ? [LEFT] : []),
      ],
      outro: ["Se il link è scaduto, chiedi una nuova password dalla pagina di accesso."],
    },
    email_change: {
      subject: ({ site }) => `Conferma il tuo nuovo indirizzo e-mail per ${site}`,
      intro: ({ site }) => [
        `Abbiamo ricevuto la richiesta di usare questo indirizzo e-mail per un account su ${site}.`,
      ],
      ask: [],
      button: "Conferma l’indirizzo",
      isAlarm: false,
      outro: ["Se l’account non è tuo, puoi ignorare questo messaggio: non cambierà nulla."],
    },
    email_changed: {
      ...NOT_ME,
      subject: ({ site }) => `Il tuo indirizzo e-mail su ${site} è cambiato`,
      intro: ({ site }) => [
        `L’indirizzo e-mail del tuo account su ${site} è stato cambiato. D’ora in poi i messaggi arriveranno al nuovo indirizzo e non più a questo.`,
      ],
      ask: [
        "Se la modifica è tua, non devi fare nulla.",
        "Altrimenti apri questo link. Potrai ripristinare questo indirizzo, chiudere tutte le sessioni, bloccare la password e ricevere un link per sceglierne una nuova.",
      ],
    },
    new_device: {
      ...NOT_ME,
      subject: ({ site }) => `Nuovo accesso al tuo account su ${site}`,
      intro: ({ site }) => [`Un dispositivo finora sconosciuto ha effettuato l’accesso al tuo account su ${site}.`],
    },
    password_changed: {
      ...NOT_ME,
      subject: ({ site }) => `La tua password su ${site} è cambiata`,
      intro: ({ site }) => [
        `La password del tuo account su ${site} è stata cambiata. Tutte le altre sessioni sono state chiuse.`,
      ],
    },
    sessions_ended: {
      ...NOT_ME,
      subject: ({ site }) => `Le tue sessioni su ${site} sono state chiuse`,
      intro: ({ site }) => [
        `Un amministratore ha chiuso le sessioni del tuo account su ${site}. Puoi accedere di nuovo.`,
      ],
      ask: [`Se pensi che qualcun altro usi il tuo account, apri questo link. ${SECURE}`],
      button: "Proteggi il mio account",
    },
    many_failures: {
      ...NOT_ME,
      subject: ({ site }) => `Molte password errate per il tuo account su ${site}`,
      intro: ({ site }) => [
        `Per il tuo account su ${site} è stata inserita più volte di seguito una password errata. Ora i nuovi tentativi devono attendere. L’ultimo è stato questo:`,
      ],
      ask: [
        "Se hai sbagliato tu a digitare la password, non devi fare nulla. Se è stata un’altra persona, una password lunga che non usi altrove è al sicuro dai tentativi.",
        `Se pensi che qualcun altro conosca la tua password, apri questo link. ${SECURE}`,
      ],
      button: "Proteggi il mio account",
    },
    many_wrong_codes: {
      ...NOT_ME,
      subject: ({ site }) => `Molti codici errati per il tuo account su ${site}`,
      intro: ({ site }) => [
        `Per il tuo account su ${site} è stato inserito più volte di seguito un codice errato. Ora i nuovi codici devono attendere. L’ultimo è stato questo:`,
      ],
      ask: [
        "Se hai sbagliato tu a digitare i codici, attendi o usa un altro secondo fattore.",
        `Altrimenti qualcun altro conosce la tua password o è già dentro al tuo account. Apri questo link. ${SECURE}`,
      ],
      button: "Proteggi il mio account",
    },
    factor_added: {
      ...NOT_ME,
      subject: ({ site }) => `Un nuovo modo di accedere a ${site} è stato aggiunto`,
      intro: ({ site }) => [
        `Una passkey o un’app di autenticazione è stata aggiunta al tuo account su ${site}. Ora permette di accedere.`,
      ],
      ask: [
        "Se riconosci questa attività, non devi fare nulla.",
        `Altrimenti apri questo link. Rimuove ciò che è stato aggiunto da allora. ${SECURE}`,
      ],
    },
    factor_removed: {
      ...NOT_ME,
      subject: ({ site }) => `Un modo di accedere a ${site} è stato rimosso`,
      intro: ({ site }) => [`Una passkey o l’app di autenticazione è stata rimossa dal tuo account su ${site}.`],
      ask: [
        "Se l’hai fatto o richiesto tu, non devi fare altro.",
        `Altrimenti apri questo link. ${SECURE} Poi aggiungi di nuovo un secondo fattore.`,
      ],
    },
    recovery_code_used: {
      ...NOT_ME,
      subject: ({ site }) => `Un codice di recupero per ${site} è stato usato`,
      intro: ({ site }) => [
        `Un codice di recupero del tuo account su ${site} è stato usato al posto del secondo fattore, e non vale più. La pagina «Sicurezza» mostra quanti ne restano.`,
      ],
      ask: [
        "Se riconosci questa attività, non devi fare nulla.",
        `Altrimenti qualcun altro ha la tua password e i tuoi codici di recupero. Apri questo link. ${SECURE} Dopo il prossimo accesso, crea nuovi codici di recupero.`,
      ],
    },
    recovery_codes_made: {
      ...NOT_ME,
      subject: ({ site }) => `Sono stati creati nuovi codici di recupero per ${site}`,
      intro: ({ site }) => [
        `Per il tuo account su ${site} sono stati creati nuovi codici di recupero. Quelli di prima non valgono più.`,
      ],
    },
    passkey_copied: {
      ...NOT_ME,
      subject: ({ site }) => `Una tua passkey per ${site} potrebbe essere stata copiata`,
      intro: ({ site }) => [
        `Una passkey del tuo account su ${site} è stata respinta. Ha inviato un contatore più vecchio di prima: potrebbe esisterne una copia.`,
      ],
      button: "Proteggi il mio account",
      ask: [
        "Rimuovi questa passkey nella pagina «Sicurezza» e aggiungine una nuova.",
        `Se non l’hai usata tu, apri questo link. ${SECURE}`,
      ],
    },
  },
};
