//! What the command lines of the programs have in common.

use std::error::Error;

/// Prints the text if the command line asks for it with `--help`, and returns whether it did.
pub fn help(usage: &str) -> bool {
    let asked = std::env::args_os()
        .skip(1)
        .any(|argument| argument == "--help");
    if asked {
        print!("{usage}");
    }
    asked
}

/// The password of an account, from the environment or from the terminal.
///
/// # Errors
///
/// If it is in neither.
pub fn password(account: &str) -> Result<String, Box<dyn Error>> {
    match std::env::var("XMPP_PASSWORD") {
        Ok(password) => Ok(password),
        Err(_) => rpassword::prompt_password(format!("Password of {account}: ")).map_err(|error| {
            format!("no XMPP_PASSWORD and no terminal to ask for it: {error}").into()
        }),
    }
}

/// Reads `HOST:PORT`, in which the host may be an address in brackets.
///
/// # Errors
///
/// If there is no port.
pub fn host_and_port(text: &str) -> Result<(String, u16), Box<dyn Error + Send + Sync>> {
    let (host, port) = text.rsplit_once(':').ok_or("no port")?;
    let host = host.trim_start_matches('[').trim_end_matches(']'); // [::1]:5222
    Ok((host.into(), port.parse()?))
}
