// Takes the token out of the address, so that it is left in no history, bookmark, screenshot or shared link.
'use strict';

history.replaceState(null, '', location.pathname);
