"""Guest addresses, boot order and aliases; other vhost-user devices."""
