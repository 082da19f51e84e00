//! Pages through the whole router.

mod connectors;
mod frame;
