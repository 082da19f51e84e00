//! Pages through the whole router.

mod frame;
mod profiles;
mod wizard;
