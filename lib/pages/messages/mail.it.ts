import type { MailWords } from "./mail.en.ts";

const IGNORE = "Se non è stata una tua richiesta, puoi ignorare questo messaggio. Non cambia nulla.";
const NOT_ME = "Non sono stato io";
const NOT_ME_ABOUT = [
  "Se è opera tua, non devi fare nulla.",
  "Altrimenti apri il link: chiude ogni sessione, blocca la password e ti invia un link per una nuova.",
];

/** The words of the mails, in Italian. */
export const mail: MailWords = {
  labels: {
    account: "Account",
    email: "Nuovo indirizzo e-mail",
    time: "Ora",
    device: "Dispositivo",
    address: "Indirizzo IP",
  },
  valid: (time) => `Il link funziona una volta sola, entro ${time}.`,
  mails: {
    signup: {
      subject: ({ site }) => `Crea il tuo account su ${site}`,
      intro: ({ site }) => [`Questo indirizzo è stato indicato per creare un account su ${site}.`],
      button: "Crea l’account",
      outro: () => [IGNORE],
    },
    signup_known: {
      subject: ({ site }) => `Hai già un account su ${site}`,
      intro: ({ site }) => [
        `Questo indirizzo è stato indicato per creare un account su ${site}, ma ne ha già uno.`,
        "Se hai dimenticato la password, puoi sceglierne una nuova.",
      ],
      button: "Scegli una nuova password",
      outro: () => [IGNORE],
    },
    invite: {
      subject: ({ site }) => `Un invito a ${site}`,
      intro: ({ site }) => [`Ti invitiamo a creare un account su ${site}.`],
      button: "Crea l’account",
      outro: () => ["Se non vuoi un account, puoi ignorare questo messaggio."],
    },
    password_reset: {
      subject: ({ site }) => `Scegli una nuova password per ${site}`,
      intro: ({ site }) => [`È stata chiesta una nuova password per il tuo account su ${site}.`],
      button: "Scegli una nuova password",
      outro: () => [IGNORE],
    },
    email_change: {
      subject: ({ site }) => `Conferma il tuo nuovo indirizzo per ${site}`,
      intro: ({ site }) => [`Questo indirizzo deve diventare quello nuovo di un account su ${site}.`],
      button: "Conferma l’indirizzo",
      outro: () => [IGNORE],
    },
    email_changed: {
      subject: ({ site }) => `Il tuo indirizzo su ${site} è cambiato`,
      intro: ({ site }) => [
        `L’indirizzo e-mail del tuo account su ${site} è cambiato. I messaggi non arrivano più a questo indirizzo.`,
      ],
      button: NOT_ME,
      outro: () => [
        "Se è opera tua, non devi fare nulla.",
        "Altrimenti apri il link: ripristina questo indirizzo, chiude ogni sessione e blocca la password. Ricevi un link per una nuova.",
      ],
    },
    new_device: {
      subject: ({ site }) => `Nuovo accesso al tuo account su ${site}`,
      intro: ({ site }) => [`Un browser finora sconosciuto ha effettuato l’accesso al tuo account su ${site}.`],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
    password_changed: {
      subject: ({ site }) => `La tua password su ${site} è cambiata`,
      intro: ({ site }) => [`La password del tuo account su ${site} è cambiata.`],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
    sessions_ended: {
      subject: ({ site }) => `Le tue sessioni su ${site} sono state chiuse`,
      intro: ({ site }) => [`Un amministratore ha chiuso le sessioni del tuo account su ${site}.`],
      button: NOT_ME,
      outro: () => [
        "Puoi accedere di nuovo.",
        "Se pensi che un’altra persona usi il tuo account, apri il link: ti invia un link per una nuova password.",
      ],
    },
    many_failures: {
      subject: ({ site }) => `Molte password errate per il tuo account su ${site}`,
      intro: ({ site }) => [
        `Sono state inserite molte password errate per il tuo account su ${site}. Ora gli accessi da dispositivi sconosciuti devono attendere.`,
      ],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
  },
};
